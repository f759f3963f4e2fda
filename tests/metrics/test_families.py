"""A table of metrics becomes text that Prometheus reads."""

from prometheus_client import CollectorRegistry

from sipedge.metrics.families import COUNTER, GAUGE, HISTOGRAM, Family, Readings, by_one, one, text
from sipedge.metrics.histogram import Histogram
from tests.metrics.catalogue import key, numbers


class Shop:
    sold = {"tea": 3, 'odd "name"\n': 1}
    staff = 2
    waits = Histogram((1,))


FAMILIES: tuple[Family[Shop], ...] = (
    Family("shop_sold", COUNTER, ("good",), "Sold.", lambda shop: by_one(shop.sold.items())),
    Family("shop_staff", GAUGE, (), "Staff.", lambda shop: one(shop.staff)),
    Family("shop_waits_seconds", HISTOGRAM, (), "Waits.", lambda shop: one(shop.waits)),
)


def test_what_is_read_is_what_there_is_now() -> None:
    shop, registry = Shop(), CollectorRegistry()
    registry.register(Readings(FAMILIES, shop))
    shop.waits.observe(0.5)
    assert numbers(text(registry).decode()) == {
        key("shop_sold_total", good="tea"): 3,
        key("shop_sold_total", good='odd "name"\n'): 1,
        key("shop_staff"): 2,
        key("shop_waits_seconds_bucket", le="1.0"): 1,
        key("shop_waits_seconds_bucket", le="+Inf"): 1,
        key("shop_waits_seconds_count"): 1,
        key("shop_waits_seconds_sum"): 0.5,
    }
    shop.staff = 5
    assert numbers(text(registry).decode())[key("shop_staff")] == 5
