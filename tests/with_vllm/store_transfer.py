"""What server mode lacks on a CPU: a channel for weights. TRL and vLLM have NCCL alone, which needs GPUs.

vLLM's own factory of weight transfers takes further engines. This one sends each tensor through the `TCPStore` at which
NCCL's would meet. It is for the tests: the server loads it as a plugin (`write_plugin`), the trainer by `on_a_cpu`.
"""

from types import SimpleNamespace

PLUGIN = """[vllm.general_plugins]
store = tests.with_vllm.store_transfer:register
"""
NAME = "store"


def write_plugin(folder):
    """Metadata of an installed package in `folder`, for PYTHONPATH: vLLM finds plugins as entry points."""
    described = folder / "weights_through_a_store-0.0.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: weights-through-a-store\nVersion: 0.0.0\n")
    (described / "entry_points.txt").write_text(PLUGIN)


def meet(address, port, rank, world_size):
    from vllm.distributed.utils import StatelessProcessGroup

    return StatelessProcessGroup.create(host=address, port=port, rank=rank, world_size=world_size)


def register():
    """Called by vLLM in each of its processes."""
    import torch
    import vllm._custom_ops as operators
    from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory
    from vllm.distributed.weight_transfer.nccl_engine import NCCLWeightTransferEngine
    from vllm.model_executor.layers import utils

    operators._supports_onednn = False  # a repacked copy of a tied head stays that of the first policy
    utils.check_cpu_sgl_kernel = lambda *_: False
    if NAME in WeightTransferEngineFactory._registry:
        return

    class StoreEngine(NCCLWeightTransferEngine):
        """NCCL's but for the channel: what prepares, loads and finishes an update is vLLM's own."""

        def init_transfer_engine(self, init_info):
            place = (init_info.master_address, init_info.master_port)
            self.model_update_group = meet(*place, init_info.rank_offset, init_info.world_size)

        def receive_weights(self, update_info):
            for name, shape in zip(update_info.names, update_info.shapes, strict=True):
                weight = self.model_update_group.broadcast(torch.empty(0), src=0)
                assert list(weight.shape) == list(shape), name
                self.model.load_weights([(name, weight)])

        def shutdown(self):
            self.model_update_group = None

    WeightTransferEngineFactory.register_engine(NAME, StoreEngine)


def as_before(logprobs):
    """A choice's log-probabilities as vLLM 0.31 stated them, the newest version that TRL 1.16.0 reads."""

    def named(entry):
        return {"token": f"token_id:{entry['token_id']}", "logprob": entry["logprob"]}

    told = logprobs["content"]
    return {"content": [{**named(one), "top_logprobs": [named(top) for top in one["top_logprobs"]]} for one in told]}


def on_a_cpu(patch):
    """The trainer's side: this channel in place of NCCL's, and vLLM's answers in the form that TRL reads."""
    import trl.generation.vllm_client as client

    def open_endpoint(given):
        return SimpleNamespace(group=meet(given["master_address"], given["master_port"], 0, given["world_size"]))

    def send(iterator, group, src, post_iter_func):
        for item in iterator:
            group.group.broadcast(post_iter_func(item).detach().clone(), src=src)

    parse = client.parse_logprobs
    patch.setattr(client, "parse_logprobs", lambda choices: parse([as_before(one) for one in choices]))
    connect = client.VLLMClient.init_communicator
    patch.setattr(client, "open_trainer_endpoint", open_endpoint)
    patch.setattr(client, "packed_nccl_broadcast_producer", send)
    patch.setattr(client.VLLMClient, "init_communicator", lambda self, device: connect(self, device="cuda"))
