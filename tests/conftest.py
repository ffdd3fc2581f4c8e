"""What all tests share: one thread, and no test that reaches the network."""

import os

# Before torch is imported anywhere: two test processes with two threads each would stall a two-core machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
