"""The messenger's addresses, below /messenger/."""

from django.urls import path

from sipedge.messenger import views

urlpatterns = [
    path("", views.messenger, name="messenger"),
    path("log-out/", views.log_out, name="messenger-log-out"),
]
