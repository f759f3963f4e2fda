"""baresip as a telephone on a desk: it says a tone, writes down what it hears, and has a control link (ctrl_tcp)."""

import array
import json
import math
import re
import socket
import subprocess
import time
import wave
from pathlib import Path

from tests.interop.baresip import COLOURS, MODULES, _pair
from tests.programs import needs_program
from tests.waiting import wait_until

RATE = 8000
SOUND = 20_000
"Bits in a second of a phone that hears somebody: G.711 has 64,000, and what is shown is a mean."

LISTEN = 0.6
"Seconds for which a phone is listened to."


class DeskPhone:
    """One telephone."""

    def __init__(
        self, folder: Path, account: str, password: str, proxy: int, transport: str, tone: int, control: int
    ) -> None:
        """`tone`: what its user says, in Hz; `control`: the port of its link."""
        program = needs_program("baresip")
        self.folder = folder
        self.account = account
        self.tone = tone
        folder.mkdir()
        with wave.open(str(folder / "says.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            samples = (int(8000 * math.sin(2 * math.pi * tone * i / RATE)) for i in range(RATE * 120))
            file.writeframes(array.array("h", samples).tobytes())
        self.control = control
        (folder / "config").write_text(
            f"sip_listen 127.0.0.1:{_pair()}\nmodule_path {MODULES}\nnet_interface 127.0.0.1\n"
            f"snd_path {folder}\naudio_source aufile,{folder}/says.wav\naudio_alert none,none\n"
            "audio_srate 8000-8000\naudio_channels 1-1\ncall_max_calls 4\n"
            "module g711.so\nmodule aufile.so\nmodule sndfile.so\nmodule stdio.so\n"
            "module_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\n"
            f"module ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{self.control}\n"
        )
        (folder / "accounts").write_text(
            f"<sip:{account};transport={transport}>;auth_pass={password};regint=600;audio_codecs=pcmu/8000/1;"
            f'outbound="sip:127.0.0.1:{proxy};transport={transport}"\n'
        )
        (folder / "contacts").write_text("")
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [program, "-f", str(folder)], stdin=subprocess.PIPE, stdout=self._log, stderr=subprocess.STDOUT
        )
        wait_until(lambda: "200 OK" in self.log() and "binding" in self.log(), f"{account}'s registration")

    def log(self) -> str:
        """What it has said, without colours."""
        return COLOURS.sub("", (self.folder / "log").read_text(errors="replace"))

    def command(self, name: str, parameters: str = "") -> str:
        """Press a button; what it shows."""
        data = json.dumps({"command": name, "params": parameters}).encode()
        with socket.create_connection(("127.0.0.1", self.control), 10) as connection:
            connection.sendall(b"%d:%s," % (len(data), data))
            while True:
                length = b""
                while (octet := connection.recv(1)) != b":":
                    length += octet
                said = b""
                while len(said) <= int(length):
                    said += connection.recv(int(length) + 1 - len(said))
                found = json.loads(said[:-1])
                if "response" in found:
                    return COLOURS.sub("", str(found.get("data", "")))

    def calls(self) -> str:
        """The calls that it shows."""
        return self.command("listcalls")

    def shows(self, text: str, number: int = 1) -> None:
        """Wait until it shows this of so many calls."""
        wait_until(lambda: self.calls().count(text) == number, f"{number} {text} at {self.account}: {self.calls()}")

    def idle(self) -> None:
        """Wait until it is in no call."""
        wait_until(lambda: "ESTABLISHED" not in self.calls() and "INCOMING" not in self.calls(), f"{self.account} idle")

    def hears(self) -> set[int]:
        """The tones, of those that phones say here, in what it has heard meanwhile; nothing when nothing comes."""
        files = sorted(self.folder.glob("*-dec.wav"))
        if not files:
            return set()
        before = files[-1].stat().st_size
        time.sleep(LISTEN)
        heard = files[-1].read_bytes()[before + before % 2 :]
        samples = array.array("h", heard[: len(heard) // 2 * 2])
        return {tone for tone in TONES if len(samples) > RATE * LISTEN / 4 and _strength(samples, tone) > 800}

    def recognises(self, *phones: "DeskPhone") -> None:
        """Wait until it hears these phones and no others, in its first call: it writes nothing down after a hold."""
        wanted = {phone.tone for phone in phones}
        wait_until(lambda: self.hears() == wanted, f"{wanted} Hz at {self.account}, who hears {self.hears()}")

    def received(self) -> int:
        """Bits of sound in a second, as it shows them."""
        shown = re.findall(r"audio=\d+/(\d+) ", self.log())
        return int(shown[-1]) if shown else 0

    def hears_somebody(self) -> None:
        """Wait until RTP comes."""
        wait_until(lambda: self.received() > SOUND, f"sound at {self.account}, who gets {self.received()} bit/s")

    def hears_nobody(self) -> None:
        """Wait until none comes."""
        wait_until(lambda: self.received() < SOUND // 4, f"silence at {self.account}, who gets {self.received()} bit/s")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


TONES = (400, 700, 1100)


def _strength(samples: "array.array[int]", tone: int) -> float:
    """How much of a tone there is (Goertzel's algorithm)."""
    turn = 2 * math.cos(2 * math.pi * tone / RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    power = last * last + before * before - turn * last * before
    return 2 * math.sqrt(max(0.0, power)) / len(samples)
