"""How fast a log is verified, against `sha256sum` of the same bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from report import Figure

ORIGIN = "bench-audit"
STREAMS = 8
SEGMENT_BYTES = 64 << 20
CHECKPOINT_EVERY = 1000
#: The body that a record keeps, in bytes: with the rest a record has some 1.9 kB.
BODY_BYTES = 1024


def measure(scopewarden: Path, rounds: int, megabytes: int = 256) -> list[Figure]:
    """Both read the same segments from the page cache, in turns."""
    with tempfile.TemporaryDirectory(prefix="scopewarden-bench-audit-") as name:
        directory = Path(name)
        key = Log(directory).write(megabytes * 1_000_000)
        segments = sorted((directory / "segments").glob("*.jsonl"))
        size = sum(segment.stat().st_size for segment in segments) / 1e6
        verify = [scopewarden, "audit", "verify", directory, "--key", key]
        verified, summed = [], []
        for _ in range(min(rounds, 7)):
            summed.append(size / seconds(["sha256sum", *segments]))
            verified.append(size / seconds(verify))
    return [
        Figure("audit.verify_vs_sha256sum", [a / b for a, b in zip(verified, summed)], "ratio", 0.5, at_least=True),
        Figure("audit.verify_mbps", verified, "MB/s"),
        Figure("audit.sha256sum_mbps", summed, "MB/s"),
    ]


def seconds(command: list) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


class Log:
    """Writes a sound log: chains, segments and a signed checkpoint every so many records."""

    def __init__(self, directory: Path) -> None:
        self.folder = directory / "segments"
        self.folder.mkdir()
        self.private = Ed25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_hash = hashlib.sha256(f"{ORIGIN}\n".encode() + b"\x01" + self.public).digest()[:4]
        self.size = 0
        self.subtrees: list[tuple[int, bytes]] = []
        self.heads = [(0, "0" * 64)] * STREAMS

    def write(self, total: int) -> str:
        """Writes so many bytes; returns the verifier key."""
        while total > 0:
            total -= self.segment(min(total, SEGMENT_BYTES))
        key = base64.b64encode(b"\x01" + self.public).decode()
        return f"{ORIGIN}+{self.key_hash.hex()}+{key}"

    def segment(self, limit: int) -> int:
        name, written = f"{self.size:020}", 0
        with open(self.folder / f"{name}.jsonl", "wb") as lines, open(self.folder / f"{name}.notes", "wb") as notes:
            while written < limit:
                line = self.record()
                lines.write(line + b"\n")
                written += len(line) + 1
                self.push(hashlib.sha256(b"\0" + line).digest())
                if self.size % CHECKPOINT_EVERY == 0:
                    notes.write(self.checkpoint())
            notes.write(self.checkpoint())
        return written

    def record(self) -> bytes:
        stream = self.size % STREAMS
        seq, prev = self.heads[stream]
        kind = self.stream() if seq == 0 else self.decision()
        rest = json.dumps(kind, separators=(",", ":"))[1:]
        line = f'{{"v":1,"stream":"{stream + 1:032x}","seq":{seq},"prev":"{prev}",{rest}'.encode()
        self.heads[stream] = (seq + 1, hashlib.sha256(line).hexdigest())
        return line

    def stream(self) -> dict:
        return {"kind": "stream", "time": "2026-11-24T10:00:00.000Z", "instance": "edge-1", "policy": "bench"}

    def decision(self) -> dict:
        digest = hashlib.sha256(str(self.size).encode()).hexdigest()
        body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": (digest * 20)[:BODY_BYTES - 80]}]})
        return {
            "kind": "decision", "time": "2026-11-24T10:00:00.123Z", "record": digest[:32], "request_id": digest[32:],
            "policy": "bench", "policy_hash": f"sha256:{digest}", "mode": "enforce", "decision": "allow", "reason": "ok",
            "principal": {"issuer": "https://idp.example.com/", "subject": "bob", "proof": "jwt"},
            "surface": "openai", "operation": "openai.chat.completions.create", "tier": "infer", "method": "POST",
            "authority": "api.example.com", "path": "/v1/chat/completions", "facts": {"model": "gpt-4o-mini"},
            "scopes_held": ["autogen:model:read", "autogen:prompt"], "session": {"trace": digest[:32]},
            "request": {"bytes": len(body), "sha256": digest, "content_type": "application/json", "body": body},
            "decision_us": 180, "duration_us": 412000, "status": 200,
        }

    def push(self, root: bytes) -> None:
        height = 0
        while self.subtrees and self.subtrees[-1][0] == height:
            root = hashlib.sha256(b"\x01" + self.subtrees.pop()[1] + root).digest()
            height += 1
        self.subtrees.append((height, root))
        self.size += 1

    def checkpoint(self) -> bytes:
        root = self.subtrees[-1][1]
        for _, left in reversed(self.subtrees[:-1]):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        text = f"{ORIGIN}\n{self.size}\n{base64.b64encode(root).decode()}\ntime 2026-11-24T10:00:00.000Z\n"
        signature = base64.b64encode(self.key_hash + self.private.sign(text.encode())).decode()
        return f"{text}\n\u2014 {ORIGIN} {signature}\n\n".encode()
