"""A client of the REST API for tests: an administrator's, in a system of one domain with two users."""

import pytest
from django.contrib.auth import get_user_model
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from provisioning.models import Domain, Persona

DOMAIN = "compb.cisco.com"
XTEN3 = f"sip:xten3@{DOMAIN}"


@pytest.fixture
def people(db: None) -> list[Persona]:
    """xten3 and xten4."""
    domain = Domain.objects.create(name=DOMAIN)
    made = [Persona(domain=domain, user=name) for name in ("xten3", "xten4")]
    for persona in made:
        persona.save()
    return made


@pytest.fixture
def api(people: list[Persona]) -> APIClient:
    """Of a superuser."""
    user = get_user_model().objects.create_superuser("integrator")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client
