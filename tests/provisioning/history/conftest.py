"""The cast of the tests of history."""

import pytest

from provisioning.models import Domain, Persona, UriAcl, UriAclEntry


@pytest.fixture
def compb() -> Domain:
    return Domain.objects.create(name="compB.cisco.com")


@pytest.fixture
def xten3(compb: Domain) -> Persona:
    persona = Persona(domain=compb, user="xten3", name="Xten Three")
    persona.save()
    return persona


@pytest.fixture
def acl(xten3: Persona) -> UriAcl:
    """Who may watch xten3: ann may, others may not."""
    made = UriAcl.objects.create(presentity=xten3)
    UriAclEntry.objects.create(acl=made, value="ann@example.org")
    return made
