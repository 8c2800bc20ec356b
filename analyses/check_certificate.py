#!/usr/bin/env python3
"""Check an unargmax certificate against the head it speaks of, by means of its own.

Written from docs/certificate.md and sharing nothing with the Rust program: weights that are said to
exist are solved for, exactly, in integers; every combination of rivals is then checked in rationals.
Points are scored in float64 with a proved error bound, and exactly where that leaves a doubt.

    pip install numpy safetensors
    python3 analyses/check_certificate.py HEAD.safetensors CERTIFICATE.safetensors
        [--weight NAME] [--bias NAME|none] [--tokens 0-99,500] [--sample N] [--list N]

Ends with status 0 if everything checked was accepted, else 1. `--tokens` and `--sample` limit the proofs that
are checked, not the rule that each token has exactly one verdict. A losing token of 32 coordinates takes
some 10 ms, one of 120 coordinates some seconds.
"""

import argparse
import hashlib
import json
import random
import sys
from collections import Counter, defaultdict
from fractions import Fraction as Q
from math import gcd, inf, isfinite

import numpy as np
from safetensors import SafetensorError, safe_open

BLOCK = 256  # points scored in one product


class Refused(Exception):
    """Something that a certificate claims and that does not hold."""


def demand(holds, reason):
    if not holds:
        raise Refused(reason)


class Head:
    def __init__(self, path, weight, bias):
        with safe_open(path, "numpy") as file:
            bias = bias or (weight[: -len("weight")] + "bias" if weight.endswith("weight") else "none")
            rows = file.get_tensor(weight)
            self.bias = file.get_tensor(bias) if bias in file.keys() else None
        rows = rows if rows.dtype == np.float64 else rows.astype(np.float32)
        self.rows, (self.tokens, self.dim) = rows.astype(np.float64), rows.shape
        biased, numbers = self.bias is not None, rows.tobytes()
        self.bias = np.zeros(self.tokens) if self.bias is None else self.bias.astype(np.float64)
        message = hashlib.sha256(b"unargmax head 1\n")
        message.update(self.tokens.to_bytes(8, "little") + self.dim.to_bytes(8, "little"))
        message.update(bytes([rows.itemsize, biased]))
        for start in range(0, len(numbers), 1 << 20):
            message.update(hashlib.sha256(numbers[start : start + (1 << 20)]).digest())
        if biased:
            message.update(hashlib.sha256(self.bias.tobytes()).digest())
        self.sha256 = message.hexdigest()

    def score(self, token, h):
        """The exact score of a token at a list of rationals."""
        products = (Q(w) * x for w, x in zip(self.rows[token].tolist(), h) if w and x)
        return sum(products, Q(float(self.bias[token])))


class Arrays:
    """The named arrays of the file, each of which must be asked for once."""

    def __init__(self, path):
        with safe_open(path, "numpy") as file:
            self.description = json.loads((file.metadata() or {}).get("unargmax", "null"))
            self.arrays = {name: file.get_tensor(name) for name in file.keys()}

    def take(self, name, dtype, *shape):
        """The array; None in the shape is any length."""
        demand(name in self.arrays, f"the array {name} is missing")
        array = self.arrays.pop(name)
        fits = len(array.shape) == len(shape) and all(b in (None, a) for a, b in zip(array.shape, shape))
        demand(array.dtype == dtype and fits, f"the array {name} is {array.dtype} {array.shape}")
        return array

    def lists(self, name, count, values):
        """Cuts values into lists by offsets."""
        offsets = [int(x) for x in self.take(name, np.uint64, count + 1)]
        rising = offsets == sorted(offsets) and offsets[0] == 0 and offsets[-1] == len(values)
        demand(rising, f"the offsets {name} do not cut {len(values)} entries")
        return [values[a:b] for a, b in zip(offsets, offsets[1:])]

    def integers(self, name, count):
        strings = self.take(name + ".bytes", np.uint8, None).tobytes()
        strings = self.lists(name + ".offsets", count, strings)
        return [int.from_bytes(s, "little", signed=True) for s in strings]

    def pairs(self, name, count):
        rivals = self.take(name + ".rivals", np.uint32, None).tolist()
        weights = self.take(name + ".weights", np.float64, len(rivals)).tolist()
        return self.lists(name + ".offsets", count, list(zip(rivals, weights)))


class Audit:
    def __init__(self, head, arrays, index, about):
        self.head, dim = head, head.dim
        keys = {"domain", "scope", "maps", "groups"}
        demand(isinstance(about, dict) and set(about) == keys, "unknown or missing fields")
        take = lambda name, *rest: arrays.take(f"audit{index}.{name}", *rest)
        name = lambda field: f"audit{index}.{field}"
        ids = lambda field: take(field, np.uint32, None).tolist()
        demand(about["domain"] in ("free", "box"), "an unknown kind of domain")
        self.lo, self.hi = np.full(dim, -inf), np.full(dim, inf)
        if about["domain"] == "box":
            self.lo, self.hi = take("domain.lo", np.float64, dim), take("domain.hi", np.float64, dim)
            demand(all((self.lo <= self.hi) & (self.lo < inf) & (self.hi > -inf)), "an empty range")
        demand(about["scope"] in ("all", "listed"), "an unknown kind of scope")
        self.scope = ids("scope") if about["scope"] == "listed" else list(range(head.tokens))
        rising = self.scope == sorted(set(self.scope)) and self.scope and self.scope[-1] < head.tokens
        demand(rising, "the scope is empty or no rising list of ids of the head")

        self.points, self.claims = defaultdict(list), []
        for m, kind in enumerate(about["maps"]):
            demand(kind in ("identity", "matrix"), "an unknown kind of map")
            matrix = take(f"map{m}.matrix", np.float32, dim, dim) if kind == "matrix" else np.zeros(0)
            tokens, centre = ids(f"map{m}.ids"), take(f"map{m}.centre", np.float64, dim)
            scales = take(f"map{m}.scales", np.float64, len(tokens))
            demand(np.isfinite(centre).all() and np.isfinite(matrix).all(), "a map is not finite")
            for t, scale in zip(tokens, scales):
                self.points[t].append(("map", (matrix.astype(np.float64), centre, scale)))
        tokens = ids("witness.ids")
        for t, h in zip(tokens, take("witness.points", np.float64, len(tokens), dim)):
            self.points[t].append(("float", h))
        tokens = ids("integer.ids")
        integers = arrays.integers(name("integer.points"), len(tokens) * (dim + 1))
        for i, t in enumerate(tokens):
            self.points[t].append(("integer", integers[i * (dim + 1) : (i + 1) * (dim + 1)]))

        claim = lambda tokens, verdict, check, *proofs: self.claims.extend(
            (t, verdict, check, proof) for t, *proof in zip(tokens, *proofs)
        )
        tokens = ids("enclosed.ids")
        basic, frozen = (arrays.pairs(name(f"enclosed.{x}"), len(tokens)) for x in ("basic", "frozen"))
        equations = arrays.lists(name("enclosed.equations.offsets"), len(tokens), ids("enclosed.equations"))
        claim(tokens, "unargmaxable", self.check_enclosed, basic, frozen, equations)
        tokens, rivals = ids("exact.ids"), ids("exact.rivals")
        weights = list(zip(rivals, arrays.integers(name("exact.weights"), len(rivals))))
        claim(tokens, "unargmaxable", self.check_weights, arrays.lists(name("exact.offsets"), len(tokens), weights))
        tokens = ids("dominated.ids")
        claim(tokens, "unargmaxable", self.check_dominated, take("dominated.by", np.uint32, len(tokens)).tolist())
        tokens, kinds = ids("undecided.ids"), take("undecided.kinds", np.uint8, None).tolist()
        demand(all(kind <= 3 for kind in kinds), "an unknown kind of multiplier")
        indices = take("undecided.indices", np.uint32, len(kinds)).tolist()
        weights = take("undecided.weights", np.float64, len(kinds)).tolist()
        lists = arrays.lists(name("undecided.offsets"), len(tokens), list(zip(kinds, indices, weights)))
        upper = take("undecided.upper", np.float64, len(tokens)).tolist()
        claim(tokens, "undecided", self.check_margin, upper, lists)
        self.ties = arrays.lists(name("tied.offsets"), about["groups"], ids("tied.members"))
        self.group_equals()

    def group_equals(self):
        """Classes of equal rows, and groups of equal rows and biases; fixed coordinates count with the bias."""
        fixed = np.flatnonzero(self.lo == self.hi)
        free = np.ascontiguousarray(np.delete(self.head.rows, fixed, axis=1) + 0.0)  # -0 becomes 0
        self.row = [row.tobytes() for row in free]
        at = [Q(0)] * self.head.dim
        for k in fixed:
            at[k] = Q(float(self.lo[k]))
        level = (lambda t: self.head.score(t, at)) if len(fixed) else (lambda t: Q(float(self.head.bias[t])))
        self.level = [level(t) for t in range(self.head.tokens)]
        self.groups = defaultdict(list)
        for t in range(self.head.tokens):
            self.groups[self.row[t], self.level[t]].append(t)

    def group(self, token):
        return self.groups[self.row[token], self.level[token]]

    def check(self, wanted):
        """All verdicts: counts of the accepted ones and the refusals."""
        firsts, scope, refused = {g[0] for g in self.ties if g}, set(self.scope), defaultdict(set)
        points = [(t, "argmaxable", self.check_alone, ()) for t, p in self.points.items() if t not in firsts for _ in p]
        ties = [(t, "tied", self.check_tie, (group,)) for group in self.ties for t in group if t in scope]
        claims = self.claims + points + ties
        for first in firsts:
            if len(self.points[first]) > 1:
                refused[first].add("several points")
        for group in self.ties:
            if not scope.intersection(group):
                refused[-1].add("a tie has no member in the scope")
        count = Counter(c[0] for c in claims)
        for t in scope.union(count):
            if count[t] != (t in scope):
                refused[t].add(f"{count[t]} verdicts, in scope: {t in scope}")
        claims = [c for c in claims if wanted(c[0])]
        needed = {c[0] for c in claims} | {c[3][0][0] for c in claims if c[1] == "tied"}
        self.outcomes = self.check_points([(t, p) for t in needed for p in self.points.get(t, [])])
        accepted = Counter()
        for t, verdict, check, proof in claims:
            try:
                demand(t < self.head.tokens, "no such token")
                check(t, *proof)
                accepted[verdict] += t not in refused
            except Refused as refusal:
                refused[t].add(str(refusal))
        return accepted, refused

    def check_alone(self, token):
        demand(len(self.group(token)) == 1, f"it ties with {self.group(token)}")
        demand(self.outcomes[token] == "", self.outcomes[token])

    def check_tie(self, token, members):
        whole = members[0] < self.head.tokens and len(members) > 1 and self.group(members[0]) == members
        demand(whole, "the tie is not the group of equal rows and biases")
        demand(members[0] in self.outcomes, "the tie has no point")
        demand(self.outcomes[members[0]] == "", self.outcomes[members[0]])

    def check_points(self, points):
        """Why each point is no win of its token; an empty text where it is one."""
        outcomes, floats = {}, []
        for token, (kind, data) in points:
            try:
                demand(token < self.head.tokens, "no such token")
                if kind == "integer":
                    *numerators, denominator = data
                    demand(denominator > 0, "the denominator is not positive")
                    self.check_exactly(token, [Q(n, denominator) for n in numerators], range(self.head.tokens))
                    outcomes.setdefault(token, "")
                    continue
                h = data
                if kind == "map":
                    matrix, centre, scale = data
                    h = self.head.rows[token] - centre
                    h = (matrix @ h if matrix.size else h) * scale
                demand(np.isfinite(h).all(), "the point is not finite")
                h = np.clip(h, self.lo, self.hi) if kind == "map" else h
                demand(((self.lo <= h) & (h <= self.hi)).all(), "the point lies outside the domain")
                floats.append((token, h))
            except Refused as refusal:
                outcomes[token] = str(refusal)
        # gamma_(d+8) bounds the error of a float64 sum of d products in any order, and of the few steps beside it.
        rows, bias, steps = self.head.rows, self.head.bias, self.head.dim + 8
        gamma = steps * 2.0**-53 / (1 - steps * 2.0**-53) * (1 + 2.0**-50)
        for start in range(0, len(floats), BLOCK):
            tokens, h = [f[0] for f in floats[start : start + BLOCK]], np.array([f[1] for f in floats[start : start + BLOCK]])
            scores = h @ rows.T + bias
            errors = 2 * gamma * (abs(h) @ abs(rows).T + abs(bias)) + 2 * steps * 5e-324
            for i, token in enumerate(tokens):
                proved = scores[i] + errors[i] < scores[i, token] - errors[i, token]
                proved &= np.isfinite(scores[i]) & np.isfinite(errors[i]) & np.isfinite(scores[i, token])
                try:
                    self.check_exactly(token, [Q(x) for x in h[i].tolist()], np.flatnonzero(~proved).tolist())
                    outcomes.setdefault(token, "")
                except Refused as refusal:
                    outcomes[token] = str(refusal)
        return outcomes

    def check_exactly(self, token, h, rivals):
        inside = all((lo == -inf or Q(lo) <= x) and (hi == inf or x <= Q(hi)) for lo, x, hi in zip(self.lo.tolist(), h, self.hi.tolist()))
        demand(inside, "the point lies outside the domain")
        equal, own = set(self.group(token)), self.head.score(token, h)
        for j in rivals:
            demand(j in equal or self.head.score(j, h) < own, f"token {j} scores at least as much")

    def check_weights(self, token, weights):
        """Weights, positive when scaled to sum 1, with which the rivals never score less."""
        total = Q(sum(n for _, n in weights))
        demand(all(n >= 0 for _, n in weights) and total > 0, "the weights are negative or all zero")
        for j, _ in weights:
            demand(j < self.head.tokens, f"there is no rival {j}")
            demand(self.row[j] != self.row[token], f"rival {j} has its row")
        bias, rows = self.head.bias.tolist(), self.head.rows
        slack = sum(n * Q(bias[j]) for j, n in weights) - total * Q(bias[token])
        for k in range(self.head.dim):
            r = sum(n * Q(float(rows[j, k])) for j, n in weights) - total * Q(float(rows[token, k]))
            if r:
                end = float(self.lo[k] if r > 0 else self.hi[k])
                demand(isfinite(end), f"the rivals do not combine to the row in coordinate {k}")
                slack += r * Q(end)
        demand(slack >= 0, "the rivals combine to less than the bias")

    def check_enclosed(self, token, basic, frozen, equations):
        """Solves for the basic weights, then checks all weights as exact ones."""
        demand(all(isfinite(w) and w >= 0 for _, w in frozen), "a frozen weight is negative or not finite")
        demand(len(basic) == len(equations) + 1, "not as many weights as equations and the sum")
        demand(len(set(equations)) == len(equations) and all(k < self.head.dim for k in equations), "unknown or repeated equations")
        demand(all(j < self.head.tokens for j, _ in basic + frozen), "an unknown rival")
        frozen = [(j, Q(w)) for j, w in frozen]
        column = lambda k: [Q(x) for x in self.head.rows[:, k].tolist()] if k is not None else [Q(1)] * self.head.tokens
        system = []
        for k in [*equations, None]:
            entries = column(k)
            row = [entries[j] for j, _ in basic] + [entries[token] - sum(w * entries[j] for j, w in frozen)]
            common = max(x.denominator for x in row)  # all are powers of two
            row = [int(x * common) for x in row]
            system.append([x // (gcd(*row) or 1) for x in row])
        weights = solve(system)
        demand(all(w > 0 for w in weights), "a weight is not positive")
        self.check_weights(token, [(j, w) for (j, _), w in zip(basic, weights)] + frozen)

    def check_dominated(self, token, by):
        demand(by < self.head.tokens and self.row[by] == self.row[token], f"its row is not that of {by}")
        demand(self.level[by] > self.level[token], f"its bias is not below that of {by}")

    def check_margin(self, token, upper, multipliers):
        demand(upper == upper and upper > -inf, "the bound is no number")
        demand(all(isfinite(w) and w >= 0 for _, _, w in multipliers), "a multiplier is negative or not finite")
        if upper == inf and not multipliers:
            return
        total, sums = Q(0), [Q(0)] * (self.head.dim + 1)
        for kind, index, w in ((kind, index, Q(w)) for kind, index, w in multipliers):
            if kind == 0:
                demand(index < self.head.tokens and index not in self.group(token), f"{index} is no rival")
                total += w
                for k, (own, other) in enumerate(zip(self.head.rows[token].tolist(), self.head.rows[index].tolist())):
                    sums[k] += w * (Q(own) - Q(other))
                sums[-1] += w * (Q(float(self.head.bias[token])) - Q(float(self.head.bias[index])))
            elif kind == 3:
                sums[-1] += w
            else:
                ends, sign = (self.lo, 1) if kind == 1 else (self.hi, -1)
                demand(index < self.head.dim and isfinite(ends[index]), "no such end of the domain")
                sums[index] += sign * w
                sums[-1] -= sign * w * Q(float(ends[index]))
        demand(total > 0, "no rival has weight")
        demand(upper == inf or upper >= 0 and sum(x * x for x in sums) <= (Q(upper) * total) ** 2, "the bound is too small")


def solve(system):
    """The solution of integer equations [M | q]: Bareiss' fraction-free elimination, then rationals."""
    n, last = len(system), 1
    for p in range(n):
        pivot = next((i for i in range(p, n) if system[i][p]), None)
        demand(pivot is not None, "the equations have no single solution")
        system[p], system[pivot] = system[pivot], system[p]
        top = system[p]
        for i in range(p + 1, n):
            row, factor = system[i], system[i][p]
            system[i] = [0] * (p + 1) + [(top[p] * row[c] - factor * top[c]) // last for c in range(p + 1, n + 1)]
        last = top[p]
    # Cramer: the determinant, `last`, is a common denominator of the solution.
    x = [0] * n
    for i in reversed(range(n)):
        x[i] = (last * system[i][n] - sum(system[i][c] * x[c] for c in range(i + 1, n))) // system[i][i]
    return [Q(value, last) for value in x]


def read(head, path):
    arrays = Arrays(path)
    about = arrays.description
    demand(isinstance(about, dict), "no certificate: no description under the key `unargmax`")
    known = about.get("format") == "unargmax certificate" and about.get("version") == 1
    demand(known and set(about) == {"format", "version", "tool", "head", "audits"}, "an unknown format or version")
    same = about["head"] == {"sha256": head.sha256, "tokens": head.tokens, "dim": head.dim}
    demand(same, f"it is for another head: {about['head']}, not {head.sha256}")
    audits = [Audit(head, arrays, i, audit) for i, audit in enumerate(about["audits"])]
    demand(not arrays.arrays, f"unknown arrays: {sorted(arrays.arrays)}")
    demand(audits, "no audits")
    return audits


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("head")
    parser.add_argument("certificate")
    parser.add_argument("--weight", default="weight")
    parser.add_argument("--bias")
    parser.add_argument("--tokens", help="check the proofs of these only: 0-99,500")
    parser.add_argument("--sample", type=int, help="check the proofs of this many only, drawn with a fixed seed")
    parser.add_argument("--list", type=int, default=5, help="refusals to print")
    options = parser.parse_args()
    head, good = Head(options.head, options.weight, options.bias), True
    try:
        audits = read(head, options.certificate)
    except (Refused, SafetensorError, ValueError) as refusal:
        print(f"refused: {refusal}")
        return 1
    for audit in audits:
        chosen = audit.scope
        if options.tokens:
            ends = [part.split("-") for part in options.tokens.split(",")]
            chosen = [t for first, *rest in ends for t in range(int(first), int((rest or [first])[0]) + 1)]
        if options.sample is not None:
            chosen = random.Random(1).sample(chosen, min(options.sample, len(chosen)))
        limited = options.tokens or options.sample is not None
        accepted, refused = audit.check(set(chosen).__contains__ if limited else lambda _: True)
        for t in set(chosen).difference(audit.scope):
            refused[t].add("asked for, but not in the scope")
        free = not np.isfinite([audit.lo, audit.hi]).any()
        print(f"{'free domain' if free else 'box'}: " + ", ".join(f"{n} {verdict} accepted" for verdict, n in sorted(accepted.items())))
        for t in sorted(refused)[: options.list]:
            print(f"  {'audit' if t < 0 else f'token {t}'}: {'; '.join(sorted(refused[t]))}")
        print(f"  {len(refused)} refused" if refused else "  none refused")
        good &= not refused
    return 0 if good else 1


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
