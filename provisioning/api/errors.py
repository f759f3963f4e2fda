"""Errors of REST that DRF has no exception for."""

from rest_framework import exceptions, status


class Conflict(exceptions.APIException):
    """What is there now stands in the way, or somebody else was faster."""

    status_code = status.HTTP_409_CONFLICT


class BadGateway(exceptions.APIException):
    """Another server, or an edge, was asked, and has refused or not answered."""

    status_code = status.HTTP_502_BAD_GATEWAY
