"""What the leaking job runs: it prints its secret in every way that a careless program might."""

import base64
import json
import os
import sys
import time
from urllib.parse import quote

secret = os.environ["MODEL_KEY"]
print("plain:", secret)
print(f"in a word:abc{secret}def")
print("json:", json.dumps({"key": secret}))
print("url:", f"https://example.invalid/?key={quote(secret, safe='')}")
for shift in range(3):
    print(f"base64 at {shift}:", base64.b64encode(b"x" * shift + secret.encode() + b"yz").decode())
print("basic:", base64.b64encode(f"user:{secret}".encode()).decode())
print("to stderr:", secret, file=sys.stderr)
sys.stdout.flush()
for letter in secret:  # one write for each character
    sys.stdout.write(letter)
    sys.stdout.flush()
print()
half = len(secret) // 2
sys.stdout.write(secret[:half])
sys.stdout.flush()
time.sleep(0.7)  # longer than the log is shipped in
sys.stdout.write(secret[half:] + "\n")
print("wrapped:", secret[:half] + "\n" + secret[half:])
print("x" * 70_000 + secret + "y" * 10)  # at the edge of a block
print("environment:", dict(os.environ))
sys.stdout.flush()
if len(sys.argv) > 1:
    raise RuntimeError(f"cannot log in with {secret}")
