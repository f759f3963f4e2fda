"""The Celery application and what beat runs, as one table."""

from datetime import datetime

from celery import Celery
from celery.schedules import schedstate, schedule
from celery.signals import worker_ready

from cups_site import starting

starting.configure()

from cups_site.metrics import tasks

app = Celery("cups")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

SWEEP = 15.0
"Seconds between two sweeps: what has run out is left out of every answer at once; the sweep only tidies and tells."

REFRESH = 2.0
"Seconds between two looks for due back-end subscriptions: they are due long before they end."

RETRY = 5.0
"Seconds between two looks for webhooks that are due: the shortest pause after a failure."

MINUTE = 60.0
"Seconds between two looks for directories that are due: their intervals are minutes."


class Every(schedule):
    """Seconds between two runs; when the clock was set back meanwhile, now, instead of when it is as late again."""

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Whether to run, and the seconds until the next look."""
        if last_run_at > self.now():
            return schedstate(is_due=True, next=self.seconds)
        return super().is_due(last_run_at)


app.conf.beat_schedule = {
    "sweep expired publications and subscriptions": {"task": "presence.tasks.sweep_expired", "schedule": SWEEP},
    "refresh back-end subscriptions": {"task": "presence.tasks.refresh_backend", "schedule": REFRESH},
    "tell webhooks that wait": {"task": "presence.tasks.retry_webhooks", "schedule": RETRY},
    "look at webhooks": {"task": "presence.tasks.tell_webhooks", "schedule": SWEEP},
    "synchronise directories": {"task": "provisioning.tasks.sync_due_directories", "schedule": MINUTE},
    "sweep expired bindings": {"task": "sipedge.tasks.sweep_bindings", "schedule": 2 * SWEEP},
    "sweep messages that nobody fetched": {"task": "sipedge.tasks.sweep_messages", "schedule": 4 * SWEEP},
    "sweep log-ins to the messenger": {"task": "sipedge.tasks.sweep_messenger", "schedule": 4 * SWEEP},
    "take up imports that were left": {"task": "provisioning.tasks.tend_imports", "schedule": SWEEP},
    "forget what imports keep for a time": {"task": "provisioning.tasks.forget_imports", "schedule": 240 * SWEEP},
    "sweep time lines": {"task": "presence.tasks.sweep_timeline", "schedule": 20 * SWEEP},
    "sweep the message log": {"task": "sipedge.tasks.sweep_message_log", "schedule": 20 * SWEEP},
    "forget answers that are not given again": {"task": "provisioning.tasks.sweep_answers", "schedule": 20 * SWEEP},
    "sweep the history of provisioning": {"task": "provisioning.tasks.sweep_history", "schedule": 240 * SWEEP},
}
for entry in app.conf.beat_schedule.values():
    seconds = entry["schedule"]
    entry["schedule"] = Every(seconds, app=app)
    entry["options"] = {"expires": seconds}  # a worker that was away runs each task once, not in a row


@worker_ready.connect
def _say_so(**_: object) -> None:
    tasks.serve()
    print("worker ready", flush=True)
