"""Definitions that several tests compare with, as loops over single numbers.

Nothing of the package is in them.  Rows are vectors of float64, or lists of
such numbers; where they want a gradient, the loops have it too.
"""

import math

import torch


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def length(vector):
    # A float, too, is to stay one of 64 bits.
    return torch.as_tensor(dot(vector, vector), dtype=torch.float64).sqrt()


def unit(vector):
    return [x / length(vector) for x in vector]


def cosine(a, b):
    return dot(a, b) / (length(a) * length(b))


def softmax(row, temperature=1.0, smoothing=0.0):
    """The probabilities, each with ``smoothing`` more, of sum one again."""
    exps = [(x / temperature).exp() for x in row]
    whole = 1 + len(row) * smoothing
    return [(e / sum(exps) + smoothing) / whole for e in exps]


def divergence(target, logits, temperature=1.0, smoothing=0.0):
    """``T^2 KL`` of one row of logits from another."""
    p, q = (softmax(r, temperature, smoothing) for r in (target, logits))
    terms = [a * (a.log() - b.log()) for a, b in zip(p, q, strict=True)]
    return temperature**2 * sum(terms)


def contrast(z, ids, temperature, base_temperature=None):
    """Eq. 2 of SupCon; anchors without a positive are left out of the mean.

    Args:
        z: (V*B, D) unit rows, view-major.
        ids: B numbers; rows of equal ones are positives.
        temperature: tau.
        base_temperature: the loss is multiplied by tau over it.
    """
    z = z.double()
    ids = [int(one) for one in ids] * (len(z) // len(ids))
    terms = []
    for a in range(len(z)):
        others = [k for k in range(len(z)) if k != a]
        positives = [p for p in others if ids[p] == ids[a]]
        if not positives:
            continue
        logits = {k: z[a] @ z[k] / temperature for k in others}
        total = sum(logits[k].exp() for k in others)
        log_prob = [logits[p] - total.log() for p in positives]
        terms.append(-sum(log_prob) / len(positives))
    mean = sum(terms) / max(len(terms), 1) + 0 * z.sum()
    return mean * temperature / (base_temperature or temperature)


def selection(table, targets, ratio):
    """SSKD's rows to follow: all right ones and the least wrong ones."""
    ranks = []
    for row, target in zip(table, targets, strict=True):
        values = [float(x) for x in row]
        order = sorted(range(len(row)), key=values.__getitem__, reverse=True)
        ranks.append(order.index(int(target)))
    wrong = [i for i, rank in enumerate(ranks) if rank]
    wrong.sort(key=ranks.__getitem__)
    kept = set(wrong[: int(ratio * len(wrong))])
    return [i in kept or not rank for i, rank in enumerate(ranks)]


class MemoryBank:
    """One side of CRD, in Python floats; it scores against the other's.

    Args:
        bank: (n, D) rows at the start.
    """

    def __init__(self, bank):
        self.bank, self.constant = bank.tolist(), None

    def scores(self, opposite, rows, embedding):
        """Of one image: ``opposite`` is the bank of the other side."""
        return [math.exp(dot(opposite[i], embedding) / 0.07) for i in rows]

    def loss(self, raw, eps=1e-7, every=None):
        """The mean over the images of ``raw``, each a list of K + 1 scores.

        Args:
            raw: scores, the positive first.
            eps: of the released code.
            every: what the constant is taken of in the first step, where
                that is not ``raw`` alone.
        """
        size, noise = len(self.bank), (len(raw[0]) - 1) / len(self.bank)
        if self.constant is None:
            entries = [o for row in every or raw for o in row]
            self.constant = size * sum(entries) / len(entries)
        total = 0.0
        for row in raw:
            first, *others = (o / self.constant for o in row)
            total -= math.log(first / (first + noise + eps))
            for o in others:
                total -= math.log(noise / (o + noise + eps))
        return total / len(raw)

    def update(self, image, embedding):
        pairs = zip(self.bank[image], embedding, strict=True)
        mixed = [0.5 * old + 0.5 * new for old, new in pairs]
        self.bank[image] = [float(x) for x in unit(mixed)]
