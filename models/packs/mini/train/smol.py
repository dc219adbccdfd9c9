"""SmolLM2-135M in PyTorch: frozen weights, and a low-rank adapter (LoRA, Hu et al. 2021) on the linear layers of its upper blocks.

Weights stay as the GGUF file rounds them, so the adapter learns on what will run. Matrix products are in bfloat16 where the
processor has it; sums, norms and the adapter itself are float32.
"""
import sys
import pathlib

import torch
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from decoder import GAIN, LAYERS, Origin  # noqa: E402

RANK = 16
FIRST = 10      # blocks below this one have no adapter: they cost a third of the time and of the file, and bring nothing


class Linear(torch.nn.Module):
    """One or several layers that share their input, as one, with an adapter over all of them."""

    def __init__(self, origin, names, adapted, kind):
        super().__init__()
        weight = torch.cat([torch.from_numpy(origin.weight(name)) for name in names])
        self.register_buffer("weight", weight.to(kind), persistent=False)
        self.kind, self.adapted = kind, adapted
        if adapted:
            self.down = torch.nn.Parameter(torch.randn(RANK * len(names), weight.shape[1]) * 0.02)
            self.up = torch.nn.ParameterList(
                [torch.nn.Parameter(torch.zeros(origin.weight(name).shape[0], RANK)) for name in names])

    def forward(self, x):
        x = x.to(self.kind)
        y = functional.linear(x, self.weight)
        if not self.adapted:
            return y.float()
        low = functional.linear(x, self.down.to(self.kind)).split(RANK, -1)
        more = torch.cat([functional.linear(part, up.to(self.kind)) for part, up in zip(low, self.up)], -1)
        return y.float() + GAIN * more.float()


class Smol(torch.nn.Module):
    """Token ids, positions and an additive mask [b, t, s] in; hidden states out. `past` is a list of (keys, values) per block."""

    def __init__(self, gguf, kind=torch.bfloat16):
        super().__init__()
        o = self.origin = Origin(gguf)
        torch.manual_seed(0)
        self.heads, self.kv_heads, self.size, self.epsilon, self.kind = o.heads, o.kv_heads, o.head_size, o.epsilon, kind
        self.register_buffer("table", torch.from_numpy(o.weight("token_embd.weight")), persistent=False)
        self.register_buffer("head", self.table.to(kind), persistent=False)
        self.blocks = torch.nn.ModuleList(
            torch.nn.ModuleDict({name: Linear(o, [f"blk.{i}.{part}.weight" for part in parts], i >= FIRST, kind)
                                 for name, parts in LAYERS.items()}) for i in range(o.layers))
        self.norms = [[torch.from_numpy(o.weight(f"blk.{i}.{name}.weight")) for name in ("attn_norm", "ffn_norm")] for i in range(o.layers)]
        self.last = torch.from_numpy(o.weight("output_norm.weight"))
        self.steps = 1 / o.base ** (torch.arange(0, self.size, 2, dtype=torch.float64) / self.size)

    def norm(self, x, weight):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * weight

    def turn(self, x, positions):
        """Rotary positions on neighbouring pairs; x is [b, heads, t, size]."""
        angles = (positions[..., None].double() * self.steps).float()[:, None]
        cos, sin, even, odd = angles.cos(), angles.sin(), x[..., 0::2], x[..., 1::2]
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)

    def forward(self, ids, positions, mask, past=None):
        x, present = self.table[ids], []
        shape = lambda y, heads: y.reshape(*ids.shape, heads, self.size).transpose(1, 2)
        widths = [self.heads * self.size, self.kv_heads * self.size, self.kv_heads * self.size]
        for i, block in enumerate(self.blocks):
            q, k, v = block["qkv"](self.norm(x, self.norms[i][0])).split(widths, -1)
            q, k, v = self.turn(shape(q, self.heads), positions), self.turn(shape(k, self.kv_heads), positions), shape(v, self.kv_heads)
            if past is not None:
                k, v = torch.cat([past[i][0], k], 2), torch.cat([past[i][1], v], 2)
            present.append((k, v))
            # Queries of the heads that share keys stand one below the other, so that one product serves them.
            shared = q.reshape(len(ids), self.kv_heads, -1, self.size).to(self.kind)
            scores = (shared @ k.to(self.kind).transpose(-1, -2)).float() * self.size**-0.5
            scores = scores.reshape(len(ids), self.kv_heads, -1, ids.shape[1], k.shape[2]) + mask[:, None, None]
            weights = scores.softmax(-1).reshape(len(ids), self.kv_heads, -1, k.shape[2]).to(self.kind)
            seen = (weights @ v.to(self.kind)).float().reshape(len(ids), self.heads, ids.shape[1], self.size)
            x = x + block["output"](seen.transpose(1, 2).reshape(*ids.shape, -1))
            gate, up = block["gate_up"](self.norm(x, self.norms[i][1])).chunk(2, -1)
            x = x + block["down"](functional.silu(gate) * up)
        return self.norm(x, self.last), present

    def logits(self, hidden):
        return functional.linear(hidden.to(self.kind), self.head).float()

    def adapter(self):
        return {name: value for name, value in self.named_parameters()}
