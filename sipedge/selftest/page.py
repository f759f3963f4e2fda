"""The administrator's page of the self-test: a button, and pass or fail for each example."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sipedge.selftest.client import Failed
from sipedge.selftest.examples import EXAMPLES
from sipedge.selftest.run import proxy, run


def may_run(request: HttpRequest) -> bool:
    """Whoever may make users and take them away: the test does."""
    return request.user.has_perms(["provisioning.add_persona", "provisioning.delete_persona"])


def self_test(request: HttpRequest) -> HttpResponse:
    """What will be played; after the button, what became of it."""
    context: dict[str, Any] = {**admin.site.each_context(request), "title": "Self-test", "examples": EXAMPLES}
    try:
        context["proxy"] = "{}:{}".format(*proxy())
        if request.method == "POST":
            context["results"] = run(proxy())
            context["failed"] = sum(bool(result.problem) for result in context["results"])
    except Failed as error:
        context["problem"] = str(error)
    return render(request, "admin/sipedge/selftest.html", context)
