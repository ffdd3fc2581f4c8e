"""Engines: they sample responses, log each one as it is made, and resume from the log.

engine.py               what all engines share: the lm-eval `LM` that they are, and a local one's prompts and texts
checkpoint.py           the folder of a checkpoint: what is wrong with it, its identity, its processor
jobs.py                 one job per response: its key, its seed, and which jobs the log still lacks
decoding.py             one prefill per prompt; sampling from a model of transformers, here and in training
transformers_engine.py  transformers, with a random stream per response
vllm_engine.py          vLLM in process
lm_eval_models.py       the engines as models of lm-eval's own command
server_engine.py        an OpenAI-compatible server; server_client.py sends its requests and reads its answers
"""
