import pytest
from django.test import Client

from tests.factories import make_user


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    """A client that is signed in and may do everything."""
    client.force_login(make_user("mara", admin=True))
    return client
