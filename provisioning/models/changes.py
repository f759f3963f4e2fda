"""The list of all changes: no table of its own, but a right and a place."""

from django.db import models


class RecordedChange(models.Model):
    """No table: each one that is provisioned has its versions. Gives the list of all the right to see it a name."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "change"
        verbose_name_plural = "changes"
