"""Stage `adapter`: teaches SmolLM2 to write captions from concepts and remembered captions.

Writes WORK/adapter.npz and WORK/adapter.steps (how many it learned in), and WORK/adapter.pt every few minutes, from which a stopped
run goes on. A step takes some real pictures of `train` and some captions whose pictures are only simulated; one prompt serves up to
five captions of its picture, each seeing the prompt and itself only, which halves the cost.
"""
import random
import time

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional

import concepts
import dataset
import linear
import measure
import memory
import noise
import prompt
import smol
import store

PROMPTS = 8         # in a step
CAPTIONS = 5        # of one prompt
REAL = 0.4          # share of prompts that come from real pictures
COCO = 0.5          # share of COCO among the rest
RATE = 4e-4
WARM = 15           # steps until the full rate; from there it falls to a twentieth
LONGEST = 28        # tokens of a caption
SAVE = 240          # seconds between two saves
LOOK = 160          # steps between two looks at the loss on `tune`
HIDDEN = -1e4       # mask of what a token may not see


class Examples:
    """Draws prompts with their captions."""

    def __init__(self, data, work):
        self.data, self.random, self.numbers = data, random.Random(0), np.random.default_rng(0)
        saved, index = dict(np.load(work / "concepts.npz")), dict(np.load(work / "index.npz"))
        self.names = (work / "words.txt").read_text().split("\n")[:-1]
        self.noise = noise.Noise(saved, np.array(data.train))
        self.memory = memory.Memory.load(work)
        self.words = prompt.Words(self.names, self.noise.mean, self.noise.deviation)
        self.scores, self.vectors = saved["draws"], index["draws"]          # [draws, pairs, ...], each held out
        self.means, self.follow, self.errors = index["means"], float(index["follow"]), index["errors"]
        self.usable = [i for i, group in enumerate(data.groups) if len(group["captions"]) > 1]
        self.coco = [i for i in self.usable if data.groups[i]["origin"].startswith("coco")]
        self.rest = [i for i in self.usable if not data.groups[i]["origin"].startswith("coco")] or self.coco
        self.coco = self.coco or self.rest

    def real(self, pair, draw):
        examples = self.memory.examples(self.vectors[draw, pair], without=-1 - pair)
        return prompt.write(examples, *self.words(self.scores[draw, pair]))

    def simulated(self, group):
        truth = concepts.shares([self.data.groups[group]], self.names)
        scores, rows = self.noise.draw(truth, self.numbers)
        vector = linear.unit(self.follow * self.means[group] + self.errors[rows[0]] * self.numbers.uniform(0.7, 1.1))
        return prompt.write(self.memory.examples(vector.astype(np.float32), without=group), *self.words(scores[0]))

    def draw(self):
        """A prompt and some captions."""
        if self.random.random() < REAL:
            pair = self.random.choice(self.data.train)
            text, captions = self.real(pair, self.random.randrange(len(self.scores))), self.data.pairs[pair]["captions"]
        else:
            group = self.random.choice(self.coco if self.random.random() < COCO else self.rest)
            text, captions = self.simulated(group), self.data.groups[group]["captions"]
        return text, [dataset.tidy(caption) for caption in self.random.sample(captions, min(CAPTIONS, len(captions)))]

    def state(self):
        return self.random.getstate(), self.numbers.bit_generator.state

    def restore(self, state):
        self.random.setstate(state[0])
        self.numbers.bit_generator.state = state[1]


def row(tokenizer, text, captions):
    """Ids, positions, owner (0 the prompt, k the k-th caption) and target (-1 none) of each token of one prompt and its captions."""
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    end = tokenizer.token_to_id("<|im_end|>")
    out = [(token, at, 0, -1) for at, token in enumerate(ids)]
    for k, caption in enumerate(captions, 1):
        words = tokenizer.encode(" " + caption, add_special_tokens=False).ids[:LONGEST]
        # The prompt's last token stands once for each caption: it foretells the caption's first.
        out += [(token, len(ids) - 1 + at, k, wanted) for at, (token, wanted) in enumerate(zip([ids[-1], *words], [*words, end]))]
    return torch.tensor(out).T


def batch(tokenizer, drawn):
    rows = [row(tokenizer, *some) for some in drawn]
    longest = max(part.shape[1] for part in rows)
    ids, positions = torch.zeros(len(rows), longest, dtype=torch.long), torch.zeros(len(rows), longest, dtype=torch.long)
    targets, mask = torch.full((len(rows), longest), -1), torch.full((len(rows), longest, longest), HIDDEN)
    for b, (token, position, owner, target) in enumerate(rows):
        n = len(token)
        ids[b, :n], positions[b, :n], targets[b, :n] = token, position, target
        same = (owner[:, None] == owner[None]) & (position[None] <= position[:, None])
        before = (owner[None] == 0) & (position[None] < position[:, None])
        mask[b, :n, :n][same | before] = 0
        mask[b, n:, 0] = 0
    return ids, positions, mask, targets


def loss(net, tokenizer, drawn):
    ids, positions, mask, targets = batch(tokenizer, drawn)
    hidden, _ = net(ids, positions, mask)
    wanted = targets >= 0
    return functional.cross_entropy(net.logits(hidden[wanted]), targets[wanted])


@torch.no_grad()
def beams(net, tokenizer, text, count=3, limit=24, power=0.7):
    """The best texts with log-probability / length^power, best first."""
    ids, end = tokenizer.encode(text, add_special_tokens=False).ids, tokenizer.token_to_id("<|im_end|>")
    n = len(ids)
    hidden, past = net(torch.tensor([ids]), torch.arange(n)[None], torch.full((1, n, n), HIDDEN).triu(1))
    scores, first = net.logits(hidden[:, -1]).log_softmax(-1)[0].topk(count)
    texts, done = [[int(token)] for token in first], []
    past = [(k.repeat(count, 1, 1, 1), v.repeat(count, 1, 1, 1)) for k, v in past]
    for length in range(1, limit):
        last = torch.tensor([[some[-1]] for some in texts])
        hidden, past = net(last, torch.full((len(texts), 1), n + length - 1), torch.zeros(len(texts), 1, n + length), past)
        total = scores[:, None] + net.logits(hidden[:, -1]).log_softmax(-1)
        best, where = total.flatten().topk(2 * count)
        kept = []
        for score, at in zip(best.tolist(), where.tolist()):
            beam, token = divmod(at, total.shape[1])
            if token == end:
                done.append((score / (length + 1) ** power, texts[beam]))
            elif len(kept) < count:
                kept.append((score, beam, [*texts[beam], token]))
        if len(done) >= count:
            break
        scores, texts = torch.tensor([score for score, _, _ in kept]), [some for _, _, some in kept]
        order = torch.tensor([beam for _, beam, _ in kept])
        past = [(k[order], v[order]) for k, v in past]
    done = done or [(score / limit**power, some) for score, some in zip(scores.tolist(), texts)]
    return [(score, tokenizer.decode(some).strip()) for score, some in sorted(done, reverse=True)]


def learn(net, tokenizer, examples, steps, save, log):
    """Goes on from `save` if it is there. The losses on `tune` that it logs are the learning curve."""
    wanted = [value for value in net.parameters() if value.requires_grad]
    optimiser, start, average = torch.optim.AdamW(wanted, lr=RATE, betas=(0.9, 0.98), weight_decay=0.0), 0, None
    if save.is_file():
        state = torch.load(save, weights_only=False)
        net.load_state_dict(state["adapter"], strict=False)
        optimiser.load_state_dict(state["optimiser"])
        examples.restore(state["random"])
        start, average = state["step"], state["average"]
        log(f"goes on at step {start}")
    told = time.monotonic()
    for step in range(start, steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM) * max(0.05, 1 - step / steps)
        found = loss(net, tokenizer, [examples.draw() for _ in range(PROMPTS)])
        optimiser.zero_grad()
        found.backward()
        torch.nn.utils.clip_grad_norm_(wanted, 1.0)
        optimiser.step()
        average = float(found) if average is None else 0.97 * average + 0.03 * float(found)
        if step % 20 == 19 or step < 3:
            log(f"step {step + 1} of {steps}, loss {average:.3f}")
        if (step + 1) % LOOK == 0 and examples.data.tune:
            log(f"step {step + 1}: loss on tune {held_out(net, tokenizer, examples):.3f}")
        if time.monotonic() - told > SAVE or step + 1 == steps:
            told = time.monotonic()
            with store.whole(save) as part:
                torch.save({"adapter": net.adapter(), "optimiser": optimiser.state_dict(), "random": examples.state(),
                            "step": step + 1, "average": average}, part)


@torch.no_grad()
def held_out(net, tokenizer, examples):
    """Loss on pictures that nothing learned from."""
    pairs = [(examples.real(i, 0), [dataset.tidy(c) for c in examples.data.pairs[i]["captions"][:CAPTIONS]]) for i in examples.data.tune]
    found = [float(loss(net, tokenizer, [pair])) for pair in pairs]
    return sum(found) / len(found)


def run(data, parts, tokenizer, work, steps, log):
    torch.set_num_threads(2)
    net, examples = smol.Smol(parts / "smollm2.gguf"), Examples(data, work)
    tokenizer = Tokenizer.from_file(str(tokenizer))
    log(f"{sum(v.numel() for v in net.parameters()) / 1e6:.1f} million weights to learn")
    learn(net, tokenizer, examples, steps, work / "adapter.pt", log)
    values = {name: value.detach().numpy().astype(np.float16) for name, value in net.adapter().items()}
    store.arrays_and_lines(work / "adapter.npz", values, work / "adapter.steps", [str(steps)])
    if not data.tune:
        return
    log(f"loss on tune {held_out(net, tokenizer, examples):.3f}")
    found = [beams(net, tokenizer, examples.real(i, 0))[0][1] for i in data.tune]
    log(f"three beams on tune: {measure.captions([data.pairs[i]['captions'] for i in data.tune], found)}")
