import socket, struct, time, os
import pytest
from cti.csta import messages as m
from cti.csta.codec import ED3, encode
from tests.program import Program
from tests.flows import test_csta_tcp as T
pytestmark = pytest.mark.system
