"""The addresses of the self-service pages, below /account/."""

from django.urls import path

from sipedge.selfservice import views

urlpatterns = [
    path("", views.account, name="account"),
    path("export/", views.export, name="account-export"),
    path("log-out/", views.log_out, name="account-log-out"),
    path("<slug:what>/", views.change, name="account-change"),
]
