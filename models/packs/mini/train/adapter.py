"""Stage `adapter`: teaches SmolLM2 to write captions from concepts and remembered captions.

Writes WORK/adapter.npz and WORK/adapter.steps (how many it learned in), and WORK/adapter.pt every few minutes, from which a stopped
run goes on. Each prompt shows what a network that did not see the scene makes of some of its frames; it serves up to five captions
of the scene, each seeing the prompt and itself only, which halves the cost.
"""
import itertools
import random
import time

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional

import dataset
import measure
import memory
import pool
import prompt
import quality
import smol
import store

PROMPTS = 8         # in a step
CAPTIONS = 5        # of one prompt
SHARES = {"coco": 0.45, "flickr8k": 0.35, "msrvtt": 0.2}  # of the data sets among the prompts; another one counts as the least of them
RATE = 4e-4
WARM = 15           # steps until the full rate; from there it falls to a twentieth
LONGEST = 28        # tokens of a caption
SAVE = 240          # seconds between two saves
LOOK = 400          # steps between two looks at the loss on `tune`
LOOKED = 25         # scenes of each data set of `tune` at a look
MEASURED = 120      # and of which captions are written at the end
HIDDEN = -1e4       # mask of what a token may not see


class Examples:
    """Draws prompts with their captions."""

    def __init__(self, data, work):
        self.data, self.random = data, random.Random(0)
        heads = np.load(work / "heads.npz")
        self.vectors, self.scores = heads["vectors"].astype(np.float32), heads["scores"].astype(np.float32)     # [pictures, ...], none seen in training
        self.memory = memory.Memory.load(work)
        self.words = prompt.Words((work / "words.txt").read_text().splitlines(), *pool.usual(data, self.scores))
        judge = quality.Quality(data)
        self.captions = {i: [dataset.tidy(caption) for caption in data.scenes[i].captions if judge.clean(caption)] for i in data.train}
        # A scene of several captions teaches more at the same cost: it is drawn as often as it has captions.
        self.scenes, self.often = {}, {}
        for name, scenes in data.by_dataset(i for i in data.train if self.captions[i]).items():
            self.scenes[name] = scenes
            self.often[name] = list(itertools.accumulate(min(CAPTIONS, len(self.captions[i])) for i in self.scenes[name]))
        self.names = list(self.scenes)
        self.shares = [SHARES.get(name, min(SHARES.values())) for name in self.names]

    def write(self, scene, rows):
        """The prompt for some frames of a scene."""
        vector = pool.unit(self.vectors[rows].mean(0))
        own = scene if self.data.scenes[scene].split == "train" else None
        film = self.data.scenes[scene].dataset in prompt.FILMS
        return prompt.write(self.memory.examples(vector, without=own), *self.words(self.scores[rows].mean(0)), film)

    def draw(self):
        """A prompt and some captions."""
        name = self.random.choices(self.names, self.shares)[0]
        scene = self.random.choices(self.scenes[name], cum_weights=self.often[name])[0]
        rows, captions = self.data.scenes[scene].rows, self.captions[scene]
        text = self.write(scene, sorted(self.random.sample(rows, self.random.randint(1, len(rows)))))
        return text, self.random.sample(captions, min(CAPTIONS, len(captions)))

    def state(self):
        return self.random.getstate()

    def restore(self, state):
        self.random.setstate(state)


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


def learn(net, tokenizer, examples, steps, save, start_from, log):
    """Goes on from `save` if it is there, else begins with the weights of `start_from`, if given. The losses on `tune` that it logs
    are the learning curve."""
    wanted = [value for value in net.parameters() if value.requires_grad]
    optimiser, start, average = torch.optim.AdamW(wanted, lr=RATE, betas=(0.9, 0.98), weight_decay=0.0), 0, None
    if save.is_file():
        state = torch.load(save, weights_only=False)
        net.load_state_dict(state["adapter"], strict=False)
        optimiser.load_state_dict(state["optimiser"])
        examples.restore(state["random"])
        start, average = state["step"], state["average"]
        log(f"goes on at step {start}")
    elif start_from:
        begin_with(net, start_from, log)
    told = time.monotonic()
    for step in range(start, steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM) * max(0.05, 1 - step / steps)
        found = loss(net, tokenizer, [examples.draw() for _ in range(PROMPTS)])
        optimiser.zero_grad()
        found.backward()
        torch.nn.utils.clip_grad_norm_(wanted, 1.0)
        optimiser.step()
        average = found.item() if average is None else 0.97 * average + 0.03 * found.item()
        if step % 20 == 19 or step < 3:
            log(f"step {step + 1} of {steps}, loss {average:.3f}")
        if (step + 1) % LOOK == 0 and examples.data.tune:
            log(f"step {step + 1}: loss on tune {held_out(net, tokenizer, examples, LOOKED)}")
        if time.monotonic() - told > SAVE or step + 1 == steps:
            told = time.monotonic()
            with store.whole(save) as part:
                torch.save({"adapter": net.adapter(), "optimiser": optimiser.state_dict(), "random": examples.state(),
                            "step": step + 1, "average": average}, part)


def begin_with(net, path, log):
    """Takes over the weights of an earlier adapter."""
    with np.load(path) as saved:
        values = {name: torch.tensor(saved[name].astype(np.float32)) for name in saved.files}
    if {name: value.shape for name, value in values.items()} != {name: value.shape for name, value in net.adapter().items()}:
        raise SystemExit(f"{path} holds no adapter of this shape: name an adapter.npz that this script wrote")
    net.load_state_dict(values, strict=False)
    log(f"begins with {path}")


@torch.no_grad()
def held_out(net, tokenizer, examples, most=None):
    """Loss on scenes that nothing learned from, for each data set; on the first `most` of each."""
    found, scenes = {}, examples.data.scenes
    for i in examples.data.tune:
        if most and len(found.get(scenes[i].dataset, [])) >= most:
            continue
        pair = examples.write(i, scenes[i].rows), [dataset.tidy(caption) for caption in scenes[i].captions[:CAPTIONS]]
        found.setdefault(scenes[i].dataset, []).append(float(loss(net, tokenizer, [pair])))
    return ", ".join(f"{sum(some) / len(some):.3f} of {name}" for name, some in found.items())


def run(data, parts, tokenizer, work, steps, begin, log):
    torch.set_num_threads(2)
    net, examples = smol.Smol(parts / "smollm2.gguf"), Examples(data, work)
    tokenizer = Tokenizer.from_file(str(tokenizer))
    log(f"{sum(v.numel() for v in net.parameters()) / 1e6:.1f} million weights to learn")
    learn(net, tokenizer, examples, steps, work / "adapter.pt", begin, log)
    if data.tune:
        log(f"loss on tune {held_out(net, tokenizer, examples)}")
    values = {name: value.detach().numpy().astype(np.float16) for name, value in net.adapter().items()}
    store.arrays_and_lines(work / "adapter.npz", values, work / "adapter.steps", [str(steps)])
    for name, tune in data.by_dataset(data.tune).items():
        tune = tune[:MEASURED]
        found = [beams(net, tokenizer, examples.write(i, data.scenes[i].rows))[0][1] for i in tune]
        log(f"three beams on tune of {name}: {measure.captions([data.scenes[i].captions for i in tune], found)}")
