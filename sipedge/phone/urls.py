"""The addresses of the phone's pages: everything after the token belongs to a log-in."""

from django.urls import path, re_path, register_converter

from sipedge.phone import views


class Hexadecimal:
    """The key of a contact or message, or a nonce."""

    regex = "[0-9a-f]{1,16}"

    def to_python(self, value: str) -> str:
        """As it is."""
        return value

    def to_url(self, value: str) -> str:
        """As it is."""
        return value


class Token(Hexadecimal):
    """Of a log-in."""

    regex = "[A-Za-z0-9_-]{22}"


class Target(Hexadecimal):
    """Whom a message goes to: a contact, or the other side of a message."""

    regex = "[cm]-[0-9a-f]{1,16}"


register_converter(Hexadecimal, "hex")
register_converter(Token, "token")
register_converter(Target, "target")

app_name = "phone"

urlpatterns = [
    path("", views.start, name="start"),
    path("enter", views.enter, name="enter"),
    path("own/<path:user>/enter", views.enter, name="own"),
    path("<token:token>/", views.home, name="home"),
    path("<token:token>/others/<str:answer>", views.others),
    path("<token:token>/log-out", views.log_out),
    path("<token:token>/contacts", views.contact_list),
    path("<token:token>/contacts/<int:number>", views.contact_list),
    path("<token:token>/contact/<hex:key>", views.contact),
    path("<token:token>/contact/<hex:key>/history", views.history),
    path("<token:token>/contact/<hex:key>/history/<int:number>", views.history),
    path("<token:token>/contact/<hex:key>/remove", views.remove),
    path("<token:token>/contact/<hex:key>/removed", views.removed),
    path("<token:token>/numbers", views.numbers),
    path("<token:token>/numbers/<int:number>", views.numbers),
    path("<token:token>/add", views.add),
    path("<token:token>/added", views.added),
    path("<token:token>/messages", views.message_list),
    path("<token:token>/messages/<int:number>", views.message_list),
    path("<token:token>/message/<hex:key>", views.message),
    path("<token:token>/message/<hex:key>/<int:number>", views.message),
    path("<token:token>/message/<hex:key>/delete", views.delete),
    path("<token:token>/message/<hex:key>/add", views.add_sender),
    path("<token:token>/incoming/<hex:key>", views.incoming),
    path("<token:token>/to/<target:who>", views.compose),
    path("<token:token>/to/<target:who>/write", views.write),
    path("<token:token>/to/<target:who>/send/<hex:nonce>", views.send),
    path("<token:token>/to/<target:who>/canned/<int:number>/<hex:nonce>", views.canned),
    path("<token:token>/new", views.new),
    path("<token:token>/new/send/<hex:nonce>", views.send_new),
    path("<token:token>/status", views.status),
    path("<token:token>/status/<slug:chosen>", views.note),
    path("<token:token>/status/<slug:chosen>/set", views.set_status),
    path("<token:token>/settings", views.settings),
    re_path(r"^(?P<token>[A-Za-z0-9_-]{22})/settings/(?P<name>refresh|timer)$", views.setting),
    re_path(r"^(?P<token>[A-Za-z0-9_-]{22})/settings/(?P<name>refresh|timer)/set$", views.set_number),
    re_path(r"^(?P<token>[A-Za-z0-9_-]{22})/settings/(?P<name>protect|sound)/(?P<value>on|off)$", views.switch),
    path("<token:token>/unlock/<path:after>", views.unlock),
    re_path(r"^.*$", views.nowhere),
]
