#!/usr/bin/env python3
"""Check an unargmax certificate against the head it speaks of, by means of its own.

Written from docs/certificate.md and sharing nothing with the Rust program: weights that are said to
exist are solved for, exactly, in integers; every combination of rivals is then checked in rationals.
Points are scored in float64 with a proved error bound, and exactly where that leaves a doubt.

    pip install numpy safetensors
    python3 analyses/check_certificate.py HEAD.safetensors CERTIFICATE.safetensors
        [--weight NAME] [--bias NAME|none] [--tokens 0-99,500] [--sample N] [--list N]

Ends with status 0 if everything checked was accepted, else 1; what cannot be read is refused in one line. `--tokens` and `--sample` limit the proofs that
are checked, not the rule that each token has exactly one verdict. A losing token of 32 coordinates takes
some 10 ms, one of 120 coordinates some seconds.
"""

import argparse
import copy
import hashlib
import json
import random
import sys
from collections import Counter, defaultdict
from decimal import Decimal, getcontext
from fractions import Fraction as Q
from math import gcd, inf, isfinite, lcm, prod

import numpy as np
from safetensors import safe_open

getcontext().prec = 40
BLOCK = 256  # points scored in one product
DTYPES = {"U8": "<u1", "U32": "<u4", "U64": "<u8", "F32": "<f4", "F64": "<f8"}  # those of a certificate


# The arrays that hold ids of tokens with a verdict, and those that hold ids of rivals.
RANK_SETS = ("enclosed", "exact", "outweighed")
OF_TOKENS = {"scope", "carried.ids", "tied.members", "only.wins"} | {
    f"{kind}.ids" for kind in ("witness", "integer", "enclosed", "exact", "outweighed", "dominated", "undecided", "only")
} | {"capped.ids", "ceilings.ids", "ceilings.at_point", "ranks.ids", "ranks.reached.ids"} | {f"ranks.{kind}.ids" for kind in RANK_SETS}
OF_LOSSES = {"enclosed.basic.rivals", "enclosed.frozen.rivals", "exact.rivals", "outweighed.rivals"}
OF_RIVALS = OF_LOSSES | {f"ranks.{field}" for field in OF_LOSSES} | {
    "dominated.by", "only.rivals", "ceilings.basic.indices", "ceilings.frozen.indices"
}


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

    def made_of(self, rows, bias):
        """The head of other rows."""
        head = copy.copy(self)
        head.rows, head.bias, head.tokens = np.ascontiguousarray(rows), bias, len(rows)
        return head

    def keeping(self, ids):
        return self.made_of(self.rows[ids], self.bias[ids])

    def for_set(self, labels):
        """Token 0 wins where the logits of these labels are above 0 and all others below 0."""
        signs = np.ones(self.tokens)
        signs[labels] = -1
        rows = np.vstack([np.zeros(self.dim), signs[:, None] * self.rows])
        return self.made_of(rows, np.concatenate([[0.0], signs * self.bias]))

    def score(self, token, h):
        """The exact score of a token at a list of rationals."""
        products = (Q(w) * x for w, x in zip(self.rows[token].tolist(), h) if w and x)
        return sum(products, Q(float(self.bias[token])))


def strict_json(text):
    """JSON in which no key occurs twice and every number is one; `text` is bytes."""

    def unique(pairs):
        for key, count in Counter(key for key, _ in pairs).items():
            demand(count == 1, f"the key {key!r} occurs twice")
        return dict(pairs)

    def whole(digits):
        demand(digits != "-0" and len(digits) <= 20, f"{digits[:40]} is no whole number of 64 bits")
        return int(digits)

    def constant(name):
        raise Refused(f"{name} is no JSON")

    return json.loads(text.decode("utf-8"), object_pairs_hook=unique, parse_int=whole, parse_constant=constant)


def is_count(x):
    """Whether this is a whole number of 64 bits, which True, 1.0 and "1" are not."""
    return type(x) is int and 0 <= x < 1 << 64


def is_text(x):
    """Whether this is a text; half of a surrogate pair is none."""
    return type(x) is str and not any("\ud800" <= c <= "\udfff" for c in x)


class Arrays:
    """The named arrays of the file, each of which must be asked for once."""

    def __init__(self, path):
        with open(path, "rb") as file:
            content = file.read()
        length = int.from_bytes(content[:8], "little")
        demand(len(content) >= 8 and length <= min(len(content) - 8, 100_000_000), "no safetensors file, or cut short")
        header, data = content[8 : 8 + length], memoryview(content)[8 + length :]
        demand(header[:1] == b"{", "the header does not begin with {")
        entries = strict_json(header)
        metadata = entries.pop("__metadata__", None)
        sole = type(metadata) is dict and set(metadata) == {"unargmax"} and is_text(metadata["unargmax"])
        demand(sole, "no certificate: no description under the key `unargmax`, or other keys beside it")
        self.arrays, places = {}, []
        for name, entry in entries.items():
            demand(is_text(name), "the name of an array is no text")
            known = type(entry) is dict and set(entry) == {"dtype", "shape", "data_offsets"}
            demand(known, f"unknown or missing fields of the array {name}")
            dtype, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
            demand(type(dtype) is str and dtype in DTYPES, f"the array {name} has elements {dtype}")
            sound = type(shape) is list and type(place) is list and len(place) == 2 and all(map(is_count, shape + place))
            demand(sound, f"the shape or the offsets of the array {name} are no whole numbers")
            size = prod(shape) * np.dtype(DTYPES[dtype]).itemsize
            demand(place[1] - place[0] == size and place[1] <= len(data), f"the shape of the array {name} does not fit its offsets")
            places.append(place)
            self.arrays[name] = np.frombuffer(data[place[0] : place[1]], DTYPES[dtype]).reshape(shape)
        ends = [0] + [end for _, end in sorted(places)]
        side_by_side = [start for start, _ in sorted(places)] == ends[:-1] and ends[-1] == len(data)
        demand(side_by_side, "the arrays do not lie side by side from the header to the end of the file")
        self.description = strict_json(metadata["unargmax"].encode("utf-8"))

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

    def integer_pairs(self, indices, integers, offsets, count):
        indices = self.take(indices, np.uint32, None).tolist()
        return self.lists(offsets, count, list(zip(indices, self.integers(integers, len(indices)))))

    def rename(self, audit, of_token, of_rival):
        """Replaces the ids in the arrays of an audit by those that the functions give."""
        prefix, kinds = f"audit{audit}.", self.arrays.get(f"audit{audit}.undecided.kinds", np.zeros(0))
        for name, array in list(self.arrays.items()):
            field = name.removeprefix(prefix)
            if not name.startswith(prefix) or array.dtype != np.uint32 or array.ndim != 1:
                continue
            is_map = field.startswith("map") and field.endswith(".ids")
            if field in OF_TOKENS or is_map:
                renamed = [of_token(x) for x in array.tolist()]
            elif field in OF_RIVALS:
                renamed = [of_rival(x) for x in array.tolist()]
            elif field == "undecided.indices" and len(kinds) == len(array):
                renamed = [x if kind else of_rival(x) for kind, x in zip(kinds.tolist(), array.tolist())]
            else:
                continue
            self.arrays[name] = np.array(renamed, np.uint32)

    def pairs(self, name, count):
        rivals = self.take(name + ".rivals", np.uint32, None).tolist()
        weights = self.take(name + ".weights", np.float64, len(rivals)).tolist()
        return self.lists(name + ".offsets", count, list(zip(rivals, weights)))


class Norm:
    """The ball |z| < R and its hidden states h = g * Pz + c."""

    def __init__(self, radius, gain, shift, centred):
        demand(all(2.0**-400 <= r < 2.0**400 for r in radius), "a radius out of range")
        demand(np.isfinite(gain).all() and np.isfinite(shift).all(), "the gain or the shift is not finite")
        self.squared, self.centred, self.gain, self.shift = Q(radius[0]) * Q(radius[1]), centred, gain, shift
        self.g, self.c = [Q(x) for x in gain.tolist()], [Q(x) for x in shift.tolist()]

    def state(self, z):
        mean = sum(z) / len(z) if self.centred else 0
        return [g * (x - mean) + c for g, x, c in zip(self.g, z, self.c)]

    def rounded(self, z):
        """The state of a float64 point, and bounds of its errors: a mean, a difference, a product and a sum."""
        mean, size = (z.mean(), abs(z).mean()) if self.centred else (0, 0)
        g, steps = abs(self.gain), len(z) + 16
        errors = 2 * steps * (2.0**-53 * (g * (abs(z) + size) + abs(self.shift)) + 5e-324 * (1 + g))
        return self.gain * (z - mean) + self.shift, errors

    def fold(self, row):
        row = self.gain * row
        return row - row.mean() if self.centred else row


class Audit:
    def __init__(self, head, arrays, index, about, version, sets=None):
        """`sets` is the number of label sets that the audit is about, if it is about sets."""
        self.head, dim = head, head.dim
        self.ties_lose, tokens = sets is not None, head.tokens if sets is None else sets
        keys = {"domain", "scope", "maps", "groups"} | ({"centred", "carried_from"} if version > 1 else set())
        keys |= {"point"} if version > 2 else set()
        keys |= {"measures"} if version > 4 else set()
        demand(type(about) is dict and set(about) == keys, "unknown or missing fields")
        demand(is_count(about["groups"]), "the count of groups is no whole number")
        demand(type(about["maps"]) is list, "the maps are no list")
        demand(about.get("point") is None or type(about["point"]) is str, "the kind of point is no text")
        take = lambda name, *rest: arrays.take(f"audit{index}.{name}", *rest)
        name = lambda field: f"audit{index}.{field}"
        ids = lambda field: take(field, np.uint32, None).tolist()
        kinds = ("free", "box", "ball", "box and ball") if version > 1 else ("free", "box")
        demand(type(about["domain"]) is str and about["domain"] in kinds, "an unknown kind of domain")
        has_box, has_ball = "box" in about["domain"], "ball" in about["domain"]
        self.lo, self.hi, self.norm = np.full(dim, -inf), np.full(dim, inf), None
        if has_box:
            self.lo, self.hi = take("domain.lo", np.float64, dim), take("domain.hi", np.float64, dim)
            demand(all((self.lo <= self.hi) & (self.lo < inf) & (self.hi > -inf)), "an empty range")
        centred, self.source = about.get("centred"), about.get("carried_from")
        demand(type(centred) is bool if has_ball else centred is None, "centred is not for this domain")
        demand(self.source is None or is_count(self.source), "carried_from is no index")
        if has_ball:
            self.norm = Norm(*(take(f"domain.{x}", np.float64, n) for x, n in (("radius", 2), ("gain", dim), ("shift", dim))), centred)
            demand(all(self.lo < self.hi), "a range of one number beside a ball")
        kind = about["point"] if version > 2 else "float" if has_box and has_ball else None
        demand((kind is not None) == (has_box and has_ball), "a point is for a box and a ball together")
        demand(kind in (None, "float", "integers", "only"), "an unknown kind of point")
        self.only = None
        if kind == "float":
            point = take("domain.point", np.float64, dim)
            demand(np.isfinite(point).all() and self.holds([Q(x) for x in point.tolist()]), "the point of the domain lies outside")
        if kind == "integers":
            *numerators, denominator = arrays.integers(name("domain.point"), dim + 1)
            holds = denominator > 0 and self.holds([Q(n, denominator) for n in numerators])
            demand(holds, "the point of the domain lies outside")
        if kind == "only":
            self.only = self.only_state()
            demand(self.only is not None, "box and ball do not meet in one point alone")
        self.is_free = not has_ball and not np.isfinite([self.lo, self.hi]).any()
        demand(type(about["scope"]) is str and about["scope"] in ("all", "listed"), "an unknown kind of scope")
        self.scope = ids("scope") if about["scope"] == "listed" else list(range(tokens))
        rising = self.scope == sorted(set(self.scope)) and self.scope and self.scope[-1] < tokens
        demand(rising, "the scope is empty or no rising list of ids of the head")

        self.points, self.claims = defaultdict(list), []
        for m, kind in enumerate(about["maps"]):
            known = ("identity", "matrix", "low-rank") if version > 3 else ("identity", "matrix")
            demand(type(kind) is str and kind in known, "an unknown kind of map")
            if kind == "low-rank":
                gains = take(f"map{m}.gains", np.float64, None)
                demand(len(gains) <= dim, "a map has more vectors than coordinates")
                linear = (take(f"map{m}.basis", np.float32, len(gains), dim), gains, take(f"map{m}.rest", np.float64, 1))
            else:
                linear = (take(f"map{m}.matrix", np.float32, dim, dim),) if kind == "matrix" else ()
            tokens, centre = ids(f"map{m}.ids"), take(f"map{m}.centre", np.float64, dim)
            scales = take(f"map{m}.scales", np.float64, len(tokens))
            demand(all(np.isfinite(part).all() for part in (centre, *linear)), "a map is not finite")
            linear = tuple(part.astype(np.float64) for part in linear)
            for t, scale in zip(tokens, scales):
                self.points[t].append(("map", (linear, centre, scale)))
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
        self.carried = []
        if version > 1:
            tokens = ids("outweighed.ids")
            rivals, ends = (
                arrays.integer_pairs(*(name(f"outweighed.{x}") for x in parts), len(tokens))
                for parts in (("rivals", "weights", "offsets"), ("ends", "ends.multipliers", "ends.offsets"))
            )
            claim(tokens, "unargmaxable", self.check_outweighed, rivals, ends)
            self.carried = ids("carried.ids")
        demand(self.carried == sorted(set(self.carried)), "the carried ids do not rise")
        if self.only is not None:
            for t in ids("only.wins"):
                self.points[t].append(("only", None))
            tokens = ids("only.ids")
            claim(tokens, "unargmaxable", self.check_only, take("only.rivals", np.uint32, len(tokens)).tolist())
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
        self.capped, self.ceilings, self.weights = {}, {}, {}
        measures = about.get("measures", [])
        demand(type(measures) is list and all(type(m) is str for m in measures), "the measures are no list of names")
        demand(len(set(measures)) == len(measures), "a measure is named twice")
        for measure in measures:
            demand(measure in ("capped", "ceilings", "ranks"), "an unknown measure")
            if measure == "ranks":
                continue
            tokens = ids(f"{measure}.ids")
            demand(tokens == sorted(set(tokens)), f"the ids of {measure} do not rise")
            if measure == "capped":
                self.capped = dict(zip(tokens, take("capped.upper", np.float64, len(tokens)).tolist()))
                continue
            low, high = (take(f"ceilings.{x}", np.float64, len(tokens)).tolist() for x in ("low", "high"))
            cut = lambda what, items: arrays.lists(name(f"ceilings.{what}.offsets"), len(tokens), items)
            points = cut("points", take("ceilings.points", np.float64, None).tolist())
            equations = cut("equations", ids("ceilings.equations"))
            pairs = []
            for part in ("basic", "frozen", "ends"):
                indices = ids(f"ceilings.{part}.indices")
                pairs.append(cut(part, list(zip(indices, take(f"ceilings.{part}.weights", np.float64, len(indices)).tolist()))))
            at_point = set(ids("ceilings.at_point")) if name("ceilings.at_point") in arrays.arrays else set()
            demand(at_point <= set(tokens), "weights at the point of a token without an interval")
            self.ceilings = dict(zip(tokens, zip(low, high, points, equations, *pairs, (t in at_point for t in tokens))))
        self.ranks = self.take_ranks(arrays, f"audit{index}.ranks.") if "ranks" in measures else {}
        if sets is None:
            self.group_equals()
        else:
            plain = about["scope"] == "all" and not about["maps"] and not self.ties
            demand(plain, "an audit of label sets with a scope, maps or ties")
            demand(not measures, "an audit of label sets with measures")
            named = [*self.points, *self.carried, *(c[0] for c in self.claims)]
            demand(all(t < sets for t in named), "there is no such set")
            self.of_claims, self.carried_sets = defaultdict(list), set(self.carried)
            for claim in self.claims:
                self.of_claims[claim[0]].append(claim)

    def of_set(self, s, head):
        """The audit of one set on the head that stands for it, where its token is 0."""
        one = copy.copy(self)
        one.head, one.scope, one.points = head, [0], defaultdict(list, {0: self.points[s]} if s in self.points else {})
        one.carried = [0] if s in self.carried_sets else []
        one.claims = [(0, verdict, getattr(one, check.__name__), proof) for _, verdict, check, proof in self.of_claims[s]]
        one.only = one.only_state() if self.only is not None else None
        one.group_equals()
        return one

    def take_ranks(self, arrays, prefix):
        """The best ranks: of each token the two ends, a point or None, and checks of sets with their rivals and shares."""
        take, dim = lambda name, *rest: arrays.take(prefix + name, *rest), self.head.dim
        ids = lambda field: take(field, np.uint32, None).tolist()
        tokens = ids("ids")
        demand(tokens == sorted(set(tokens)) and set(tokens) <= set(self.scope), "best ranks: no rising ids of the scope")
        ends = zip(*(take(end, np.uint32, len(tokens)).tolist() for end in ("low", "high")))
        ranks = {t: [low, high, None, []] for t, (low, high) in zip(tokens, ends)}
        reached = ids("reached.ids")
        demand(reached == sorted(set(reached)), "best ranks: the ids of points do not rise")
        points = take("reached.points", np.float64, len(reached), dim)

        def add(tokens, kind, check, *proofs):
            shares = take(f"{kind}.shares", np.float64, len(tokens)).tolist()
            for t, share, *proof in zip(tokens, shares, *proofs):
                demand(t in ranks, f"a set of token {t}, which has no best rank")
                ranks[t][3].append((check, proof, share))

        tokens = ids("enclosed.ids")
        basic, frozen = (arrays.pairs(prefix + f"enclosed.{x}", len(tokens)) for x in ("basic", "frozen"))
        equations = arrays.lists(prefix + "enclosed.equations.offsets", len(tokens), ids("enclosed.equations"))
        add(tokens, "enclosed", self.solve_weights, basic, frozen, equations)
        tokens, rivals = ids("exact.ids"), ids("exact.rivals")
        weights = list(zip(rivals, arrays.integers(prefix + "exact.weights", len(rivals))))
        add(tokens, "exact", self.combine, arrays.lists(prefix + "exact.offsets", len(tokens), weights))
        tokens = ids("outweighed.ids")
        rivals, ends = (
            arrays.integer_pairs(*(prefix + f"outweighed.{x}" for x in parts), len(tokens))
            for parts in (("rivals", "weights", "offsets"), ("ends", "ends.multipliers", "ends.offsets"))
        )
        add(tokens, "outweighed", self.outweigh, rivals, ends)
        for t, point in zip(reached, points):
            demand(t in ranks, f"a point of token {t}, which has no best rank")
            ranks[t][2] = point
        return ranks

    def check_rank(self, token, low, high, point, sets):
        """The sets prove the lower end, the point the upper one."""
        of_rival, total = Counter(), Q(0)
        for check, proof, share in sets:
            check(token, *proof)
            demand(isfinite(share) and 0 < share <= 1, "a share is not above 0 and at most 1")
            lists = proof[:2] if check == self.solve_weights else proof[:1]
            for j in {j for pairs in lists for j, _ in pairs}:
                of_rival[j] += Q(share)
            total += Q(share)
        demand(all(share <= 1 for share in of_rival.values()), "the shares of the sets with some rival exceed 1")
        same = [t for t in self.classes[self.row[token]] if t != token]
        first = 1 + sum(self.level(t) >= self.level(token) for t in same)
        if self.only is not None:
            demand(point is None, "a point besides the only one")
            own = self.head.score(token, self.only)
            rank = sum(self.head.score(j, self.only) >= own for j in range(self.head.tokens))
            demand(low <= rank <= high, f"its rank at the only point is {rank}")
            return
        demand(low <= first - (-total.numerator // total.denominator), "its sets prove less than its lower end")
        if point is None:
            demand(high >= self.head.tokens, "no point shows its upper end")
            return
        point, h, off = self.float_point(token, "float", point)
        rows, bias, steps = self.head.rows, self.head.bias, self.head.dim + 8
        gamma = steps * 2.0**-53 / (1 - steps * 2.0**-53) * (1 + 2.0**-50)
        scores = rows @ h + bias
        errors = 2 * gamma * (abs(rows) @ abs(h)) + 2 * (abs(rows) @ off) + 2 * gamma * abs(bias) + 4 * steps * 5e-324
        below = scores + errors < scores[token] - errors[token]
        below &= np.isfinite(scores) & np.isfinite(errors) & np.isfinite(scores[token])
        ahead = np.isfinite(scores) & (scores - errors > scores[token] + errors[token])
        open_ = [j for j in np.flatnonzero(~below & ~ahead).tolist() if j != token]
        state = [Q(x) for x in point.tolist()]
        state = self.norm.state(state) if self.norm else state
        own = self.head.score(token, state) if open_ else 0
        closed = sum(self.head.score(j, state) < own for j in open_)
        rank = self.head.tokens - int(below.sum()) - closed
        demand(rank <= high, f"its rank at its point is {rank}")

    def group_equals(self):
        """Classes of tokens with equal rows, in self.row and self.classes."""
        rows = self.head.rows
        if self.norm and self.norm.centred:
            keys = self.difference_keys()
        else:
            still = self.norm.gain == 0 if self.norm else self.lo == self.hi
            keys = (row.tobytes() for row in np.ascontiguousarray(rows[:, ~still] + 0.0))  # -0 becomes 0
        still = range(0) if self.norm else np.flatnonzero(self.lo == self.hi)
        self.at = list(self.norm.c) if self.norm else [Q(float(self.lo[k])) if k in still else Q(0) for k in range(self.head.dim)]
        known, self.row, self.classes, self.levels = {}, [], defaultdict(list), {}
        for t, key in enumerate(keys):
            self.row.append(known.setdefault(key, len(known)))
            self.classes[self.row[t]].append(t)

    def difference_keys(self):
        """Of each token, what is equal where all g_k w_k - g_0 w_0 are."""
        rows, gain, split = self.head.rows, self.norm.gain, defaultdict(list)
        narrow = all((x.astype(np.float32) == x).all() for x in (rows, gain))
        for t in range(self.head.tokens):
            # Products of float32 are exact in float64, so equal differences are rounded to equal ones.
            rough = (gain * rows[t] - gain[0] * rows[t][0] + 0.0).tobytes() if narrow else b""
            split[rough].append(t)
        keys = [None] * self.head.tokens
        for number, tokens in enumerate(split.values()):
            for t in tokens:
                products = [g * Q(w) for g, w in zip(self.norm.g, rows[t].tolist())] if len(tokens) > 1 else [0]
                keys[t] = number, tuple(x - products[0] for x in products)
        return keys

    def level(self, token):
        if token not in self.levels:
            self.levels[token] = self.head.score(token, self.at)
        return self.levels[token]

    def group(self, token):
        equals = self.classes[self.row[token]]
        return [t for t in equals if len(equals) == 1 or self.level(t) == self.level(token)]

    def holds(self, point):
        """Whether a point of rationals lies in the domain."""
        h = self.norm.state(point) if self.norm else point
        inside = all((lo == -inf or Q(lo) <= x) and (hi == inf or x <= Q(hi)) for lo, x, hi in zip(self.lo.tolist(), h, self.hi.tolist()))
        return inside and (not self.norm or sum(x * x for x in point) < self.norm.squared)

    def only_state(self):
        """The hidden state of the only point of a box and a centred ball; None if there are more, or none."""
        if not self.norm.centred or self.head.dim < 2 or not all(self.norm.g):
            return None
        for low in (True, False):
            state = [l if (g > 0) == low else h for g, l, h in zip(self.norm.g, self.lo.tolist(), self.hi.tolist())]
            if not all(map(isfinite, state)):
                continue
            state = [Q(x) for x in state]
            z = [(x - c) / g for x, c, g in zip(state, self.norm.c, self.norm.g)]
            if sum(z) == 0:
                return state if sum(x * x for x in z) < self.norm.squared else None
        return None

    def asks(self, wanted):
        """The carried tokens whose proofs elsewhere the wanted ones need."""
        ties = [g[0] for g in self.ties if any(map(wanted, g))]
        return set(filter(wanted, self.carried)) | set(self.carried).intersection(ties)

    def examine(self, needed, asked):
        """All verdicts but the carried ones: what is wrong with each, nothing being an empty text."""
        self.firsts, scope, self.refused = {g[0] for g in self.ties if g}, set(self.scope), defaultdict(set)
        own = [t for t in self.points for _ in self.points[t]]
        points = [(t, "argmaxable", self.check_alone, ()) for t in own if t not in self.firsts]
        ties = [(t, "tied", self.check_tie, (group,)) for group in self.ties for t in group if t in scope]
        verdict = "argmaxable" if self.is_free else "unargmaxable"
        passed = [(t, verdict, None, ()) for t in self.carried if not (self.is_free and t in self.firsts)]
        claims = self.claims + points + ties + passed
        for first in self.firsts:
            if len(self.points[first]) + (self.is_free and first in self.carried) > 1:
                self.refused[first].add("several points")
        for group in self.ties:
            if not scope.intersection(group):
                self.refused[-1].add("a tie has no member in the scope")
        count = Counter(c[0] for c in claims)
        for t in scope.union(count):
            if count[t] != (t in scope):
                self.refused[t].add(f"{count[t]} verdicts, in scope: {t in scope}")
        self.verdicts = [c for c in claims if needed(c[0])]
        tokens = {c[0] for c in self.verdicts} | {c[3][0][0] for c in self.verdicts if c[1] == "tied"} | asked
        self.outcomes = self.check_points([(t, p) for t in sorted(tokens) for p in self.points.get(t, [])])
        self.own = defaultdict(list)
        for t, verdict, check, proof in self.verdicts:
            self.own[t].append((verdict, check and self.problem(t, check, proof)))

    def problem(self, token, check, proof):
        try:
            demand(token < self.head.tokens, "no such token")
            check(token, *proof)
            return ""
        except Refused as refusal:
            return str(refusal)

    def finish(self, wanted, audits):
        """Counts of the accepted verdicts, and all refusals."""
        accepted, refused = Counter(), defaultdict(set, {t: set(r) for t, r in self.refused.items()})
        for t, verdict, check, proof in self.verdicts:
            if not wanted(t):
                continue
            first = proof[0][0] if verdict == "tied" else t
            reasons = {problem for kind, problem in self.own[t] if kind == verdict and problem}
            if check is None or verdict == "tied" and self.is_free and first in self.carried:
                reasons.add(self.problem(t, self.check_carried, (first, audits)))
                if check is None and verdict == "argmaxable" and t < self.head.tokens and len(self.group(t)) > 1:
                    reasons.add(f"it ties with {self.group(t)}")
            refused_here = reasons - {""}
            if refused_here:
                refused[t] |= refused_here
            accepted[verdict] += not refused_here and t not in self.refused
        for t in filter(wanted, self.capped):
            refused[t].add(self.problem(t, self.check_cap, (self.capped[t], audits)))
        for t in filter(wanted, self.ceilings):
            refused[t].add(self.problem(t, self.check_ceiling, self.ceilings[t]))
        for t in filter(wanted, self.ranks):
            problem = self.problem(t, self.check_rank, self.ranks[t])
            accepted["best rank"] += not problem
            if problem:
                refused[t].add(problem)
        refused = {t: reasons - {""} for t, reasons in refused.items() if reasons - {""}}
        return accepted, refused

    def check_cap(self, token, upper, audits):
        """A bound of the probability at every temperature, by the entropy of the weights of the verdict's proof."""
        kinds = {kind for kind, _ in self.own[token]}
        demand(kinds and kinds <= {"tied", "unargmaxable"}, "its probability is bounded without a loss or a tie")
        if token in self.carried and not self.is_free:
            other = audits[self.source]
            demand(other.capped.get(token, 2.0) <= upper, "the other audit does not bound its probability by as much")
            return demand(other.problem(token, other.check_cap, (other.capped[token], audits)) == "", "the other bound is not proved")
        weights = self.weights.get(token, {})
        if kinds == {"tied"}:
            weights = {t: Q(1) for t in self.group(token) if t != token}
        demand(bounds(entropy(weights), upper), f"its weights do not bound its probability by {upper}")

    def check_ceiling(self, token, low, high, point, equations, basic, frozen, ends, at_point):
        """An interval of the largest probability: a point for the lower end, weights for the upper one."""
        demand(0 <= low <= high <= 1, "no interval from 0 to 1")
        if low > 0 or at_point:
            demand(len(point) == self.head.dim, "its point has another number of coordinates")
        if low > 0:
            demand(self.least_probability(token, np.array(point)) >= low, f"its probability at its point is not {low}")
        if high == 1:
            return
        if at_point:
            demand(self.norm and not basic and not frozen and not equations, "stored weights, or no ball, for weights at the point")
            frozen = self.softmax_at(token, np.array(point))
        demand(all(j < self.head.tokens and j != token for j, _ in basic + frozen), "an unknown rival, or the token itself")
        demand(all(isfinite(w) and w >= 0 for _, w in frozen), "a weight is negative or not finite")
        if not self.norm:
            demand(not ends, "multipliers of ends are for a ball")
            weights = total(self.solved(token, basic, frozen, equations))
            slack = decimal(self.slack(token, list(weights.items())) / sum(weights.values()))
        else:
            demand(not basic and not equations, "equations are not for a ball")
            weights = total([(j, Q(w)) for j, w in frozen])
            demand(sum(weights.values()) > 0, "no rival has weight")
            slack = -self.ahead_in_ball(token, list(weights.items()), [(k, Q(e)) for k, e in ends]) / decimal(sum(weights.values()))
        demand(bounds(entropy(weights) + slack, high), f"its weights do not bound its probability by {high}")

    def softmax_at(self, token, point):
        """The rivals with the softmax weights at a point, the heaviest 1, and without the lightest ones, which hardly count."""
        _, h, _ = self.float_point(token, "float", point)
        scores = self.head.rows @ h + self.head.bias
        scores[token] = -inf
        weights = np.exp(scores - scores.max())
        weights[weights < 1e-7 / len(weights)] = 0
        return [(j, w) for j, w in enumerate(weights.tolist()) if w]

    def least_probability(self, token, point):
        """A lower bound of the probability at a point; it allows for an error of 1e-12 of the exponential function."""
        _, h, off = self.float_point(token, "float", point)
        rows, bias, steps = self.head.rows, self.head.bias, self.head.dim + 8
        gamma = steps * 2.0**-53 / (1 - steps * 2.0**-53) * (1 + 2.0**-50)
        scores, size = rows @ h + bias, abs(rows)
        errors = 2 * gamma * (size @ abs(h)) + 2 * (size @ off) + 2 * gamma * abs(bias) + 4 * steps * 5e-324
        ahead = np.delete(scores + errors, token) - (scores[token] - errors[token])
        odds = np.exp(ahead + 1e-13 * abs(ahead)).sum() * (1 + 1e-11)
        return 1 / (1 + odds) * (1 - 1e-11) if np.isfinite(odds) else 0.0

    def weighed(self, tokens, weights):
        """The sum of rows and their biases with integer or rational weights, exactly."""
        whole = lcm(*(Q(w).denominator for w in weights))
        numbers, exponent = as_integers(np.column_stack([self.head.rows[tokens], self.head.bias[tokens]]))
        sums = np.array([int(w * whole) for w in weights], dtype=object) @ numbers
        return [Q(int(x)) * Q(2) ** exponent / whole for x in sums]

    def ahead_in_ball(self, token, rivals, ends):
        """An upper bound of R |P(g * v)| + F, with 40 digits."""
        head, whole = self.head, sum(w for _, w in rivals)
        *v, level = self.weighed([token] + [j for j, _ in rivals], [whole] + [-w for _, w in rivals])
        for k, e in ends:
            demand(e and k < head.dim, "a multiplier of 0 or of no coordinate")
            end = float(self.lo[k] if e > 0 else self.hi[k])
            demand(isfinite(end), "no such end of the domain")
            v[k] += e
            level -= e * Q(end)
        level += sum(x * c for x, c in zip(v, self.norm.c))
        y = [x * g for x, g in zip(v, self.norm.g)]
        length = sum(x * x for x in y) - (sum(y) ** 2 / head.dim if self.norm.centred else 0)
        return decimal(self.norm.squared * length).sqrt() * (1 + SLACK) + decimal(level) + SLACK

    def check_carried(self, _, token, audits):
        demand(token < self.head.tokens, "no such token")
        demand(self.source is not None and self.source < len(audits), "there is no audit to carry it from")
        other = audits[self.source]
        demand(self.is_free != other.is_free, "nothing is carried between these domains")
        kind = "argmaxable" if self.is_free else "unargmaxable"
        ties = [g for g in other.ties if g and g[0] == token and set(g).intersection(other.scope)]
        if self.is_free and ties:
            proved = any(not other.problem(token, other.check_tie, (g,)) for g in ties)
        else:
            proved = other.own[token] == [(kind, "")]
        demand(proved and token not in other.refused, "the other audit has no proof of its own")
        demand(self.group(token) == other.group(token), "it has other equals in the other audit")

    def check_alone(self, token):
        demand(len(self.group(token)) == 1, f"it ties with {self.group(token)}")
        demand(self.outcomes[token] == "", self.outcomes[token])

    def check_tie(self, token, members):
        whole = members[0] < self.head.tokens and len(members) > 1 and self.group(members[0]) == members
        demand(whole, "the tie is not the group of equal rows and levels")
        if not (self.is_free and members[0] in self.carried):
            demand(members[0] in self.outcomes, "the tie has no point")
            demand(self.outcomes[members[0]] == "", self.outcomes[members[0]])

    def check_points(self, points):
        """Why each point is no win of its token; an empty text where it is one."""
        outcomes, floats = {}, []
        for token, (kind, data) in points:
            try:
                demand(token < self.head.tokens, "no such token")
                if kind == "only":
                    self.check_scores(token, self.only, range(self.head.tokens))
                    outcomes.setdefault(token, "")
                    continue
                if kind == "integer":
                    *numerators, denominator = data
                    demand(denominator > 0, "the denominator is not positive")
                    point = [Q(n, denominator) for n in numerators]
                    demand(self.holds(point), "the point lies outside the domain")
                    self.check_exactly(token, point, range(self.head.tokens))
                    outcomes.setdefault(token, "")
                    continue
                floats.append((token, *self.float_point(token, kind, data)))
            except Refused as refusal:
                outcomes[token] = str(refusal)
        # gamma_(d+8) bounds the error of a float64 sum of d products in any order, and of the few steps beside it.
        rows, bias, steps = self.head.rows, self.head.bias, self.head.dim + 8
        gamma = steps * 2.0**-53 / (1 - steps * 2.0**-53) * (1 + 2.0**-50)
        for start in range(0, len(floats), BLOCK):
            tokens, points, h, off = zip(*floats[start : start + BLOCK])
            h, off = np.array(h), np.array(off)
            scores = h @ rows.T + bias
            # The small factors come last: alone they might underflow.
            errors = 2 * gamma * (abs(h) @ abs(rows).T) + 2 * (off @ abs(rows).T) + 2 * gamma * abs(bias) + 4 * steps * 5e-324
            for i, token in enumerate(tokens):
                proved = scores[i] + errors[i] < scores[i, token] - errors[i, token]
                proved &= np.isfinite(scores[i]) & np.isfinite(errors[i]) & np.isfinite(scores[i, token])
                try:
                    self.check_exactly(token, points[i], np.flatnonzero(~proved).tolist())
                    outcomes.setdefault(token, "")
                except Refused as refusal:
                    outcomes[token] = str(refusal)
        return outcomes

    def float_point(self, token, kind, data):
        """A point of the domain, its hidden state in float64, and bounds of the errors of that."""
        point = data
        if kind == "map":
            linear, centre, scale = data
            row = self.head.rows[token]
            point = (self.norm.fold(row) if self.norm else row) - centre
            if len(linear) == 3:
                basis, gains, rest = linear
                point = rest[0] * point + basis.T @ (gains * (basis @ point))
            elif linear:
                point = linear[0] @ point
            point = point * scale
        demand(np.isfinite(point).all(), "the point is not finite")
        if kind == "map" and not self.norm:
            point = np.clip(point, self.lo, self.hi)
        if not self.norm:
            demand(((self.lo <= point) & (point <= self.hi)).all(), "the point lies outside the domain")
            return point, point, np.zeros_like(point)
        h, off = self.norm.rounded(point)
        plain = (point * point).sum() * (1 + 1e-9) < float(self.norm.squared) and ((self.lo < h - 2 * off) & (h + 2 * off < self.hi)).all()
        demand(plain or self.holds([Q(x) for x in point.tolist()]), "the point lies outside the domain")
        return point, h, off

    def check_exactly(self, token, point, rivals):
        if rivals:
            h = [Q(x) for x in point]
            self.check_scores(token, self.norm.state(h) if self.norm else h, rivals)

    def check_scores(self, token, h, rivals):
        equal = set(self.group(token))
        own = self.head.score(token, h)
        for j in rivals:
            demand(j in equal or self.head.score(j, h) < own, f"token {j} scores at least as much")

    def check_only(self, token, rival):
        """A rival that scores at least as much at the only point."""
        demand(rival < self.head.tokens and rival not in self.group(token), f"{rival} is no rival")
        demand(self.head.score(rival, self.only) >= self.head.score(token, self.only), f"{rival} scores less at the only point")

    def check_weights(self, token, weights):
        """The same as a verdict."""
        demand(not self.norm, "such weights prove nothing under a ball")
        self.combine(token, weights)
        self.weights[token] = total(weights)

    def combine(self, token, weights):
        """Weights, positive when scaled to sum 1, with which the rivals never score less."""
        demand(all(n >= 0 for _, n in weights) and sum(n for _, n in weights) > 0, "the weights are negative or all zero")
        for j, _ in weights:
            demand(j < self.head.tokens, f"there is no rival {j}")
            demand(self.row[j] != self.row[token], f"rival {j} has its row")
        demand(self.slack(token, weights) >= 0, "the rivals combine to less than the bias")

    def slack(self, token, weights):
        """How far the rivals are ahead at the worst place of a box, times the sum of the weights."""
        total = Q(sum(n for _, n in weights))
        bias, rows = self.head.bias.tolist(), self.head.rows
        slack = sum(n * Q(bias[j]) for j, n in weights) - total * Q(bias[token])
        for k in range(self.head.dim):
            r = sum(n * Q(float(rows[j, k])) for j, n in weights) - total * Q(float(rows[token, k]))
            if r:
                end = float(self.lo[k] if r > 0 else self.hi[k])
                demand(isfinite(end), f"the rivals do not combine to the row in coordinate {k}")
                slack += r * Q(end)
        return slack

    def check_enclosed(self, token, basic, frozen, equations):
        """The same as a verdict."""
        self.check_weights(token, self.solved(token, basic, frozen, equations))

    def solve_weights(self, token, basic, frozen, equations):
        """Solves for the basic weights, then checks all weights as exact ones."""
        self.combine(token, self.solved(token, basic, frozen, equations))

    def solved(self, token, basic, frozen, equations):
        """All weights, with the basic ones that solve the equations."""
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
        return [(j, w) for (j, _), w in zip(basic, weights)] + frozen

    def check_dominated(self, token, by):
        demand(by < self.head.tokens and self.row[by] == self.row[token], f"its row is not that of {by}")
        ties = self.ties_lose and by != token and self.level(by) == self.level(token)
        demand(ties or self.level(by) > self.level(token), f"its bias is not below that of {by}")

    def check_outweighed(self, token, rivals, ends):
        """The same as a verdict."""
        self.outweigh(token, rivals, ends)
        self.weights[token] = total(rivals)

    def outweigh(self, token, rivals, ends):
        """Integer weights with which the rivals score as much as the token everywhere in the ball."""
        demand(self.norm, "no ball to be outweighed in")
        demand(rivals and all(n > 0 for _, n in rivals), "no weights, or one that is not above 0")
        for j, _ in rivals:
            demand(j < self.head.tokens, f"there is no rival {j}")
            demand(self.row[j] != self.row[token], f"rival {j} has its row")
        self.check_ball(token, rivals, ends, 0, "the rivals do not outweigh it")

    def check_ball(self, token, rivals, ends, upper, reason):
        """Whether R |P(g * v)| + F <= upper times the sum of the weights, which are integers."""
        tokens, weights = [token] + [j for j, _ in rivals], [sum(n for _, n in rivals)] + [-n for _, n in rivals]
        *v, level = self.weighed(tokens, weights)
        level -= Q(upper) * weights[0]
        for k, e in ends:
            demand(e and k < self.head.dim, "a multiplier of 0 or of no coordinate")
            end = float(self.lo[k] if e > 0 else self.hi[k])
            demand(isfinite(end), "no such end of the domain")
            v[k] += e
            level -= e * Q(end)
        level += sum(x * c for x, c in zip(v, self.norm.c) if x and c)
        y = [x * g for x, g in zip(v, self.norm.g)]
        length = self.head.dim * sum(x * x for x in y) - (sum(y) ** 2 if self.norm.centred else 0)
        demand(level <= 0 and self.norm.squared * length <= self.head.dim * level**2, reason)

    def check_margin(self, token, upper, multipliers):
        demand(upper == upper and upper > -inf, "the bound is no number")
        demand(all(isfinite(w) and w >= 0 for _, _, w in multipliers), "a multiplier is negative or not finite")
        if upper == inf and not multipliers:
            return
        if self.norm:
            return self.check_ball_margin(token, upper, multipliers)
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


    def check_ball_margin(self, token, upper, multipliers):
        weights = [Q(w) for _, _, w in multipliers]
        common, sides = max(w.denominator for w in weights), {0: [], 1: [], 2: []}  # all are powers of two
        for (kind, index, _), w in zip(multipliers, weights):
            demand(kind != 3, "points of a ball have no scale")
            if kind == 0:
                demand(index < self.head.tokens and index not in self.group(token), f"{index} is no rival")
            else:
                demand(index < self.head.dim and isfinite((self.lo if kind == 1 else self.hi)[index]), "no such end of the domain")
            sides[kind].append((index, int(w * common) * (-1 if kind == 2 else 1)))
        rivals, ends = ([(i, n) for i, n in pairs if n] for pairs in (sides[0], sides[1] + sides[2]))
        demand(rivals, "no rival has weight")
        if upper < inf:
            self.check_ball(token, rivals, ends, upper, "the bound is too small")


SLACK = Decimal(10) ** -30  # more than the error of a few steps of 40 digits on numbers below 10^9


def decimal(x):
    return Decimal(x.numerator) / Decimal(x.denominator)


def total(weights):
    """The weights of each rival added up, without those of 0."""
    sums = defaultdict(Q)
    for j, w in weights:
        sums[j] += w
    return {j: w for j, w in sums.items() if w}


def entropy(weights):
    """A lower bound of the entropy, in nats, of weights divided by their sum; 0 without weights."""
    whole = sum(weights.values())
    shares = [decimal(w / whole) for w in weights.values()]
    return -sum(x * x.ln() for x in shares) - SLACK if shares else Decimal(0)


def bounds(log_odds, upper):
    """Whether log odds of at least this much keep a probability at or below `upper`."""
    return 1 / (1 + (log_odds - SLACK).exp()) * (1 + SLACK) <= Decimal(upper)


def as_integers(numbers):
    """An array of floats as whole multiples of one power of two, and its exponent."""
    mantissas, exponents = np.frexp(numbers)
    mantissas, exponents = (mantissas * 2.0**53).astype(np.int64), exponents.astype(np.int64) - 53
    lowest = int(exponents[mantissas != 0].min(initial=0))
    shifts = np.where(mantissas != 0, exponents - lowest, 0)
    return mantissas.astype(object) * np.array([2], dtype=object) ** shifts.astype(object), lowest


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
    demand(type(about) is dict, "the description is no JSON object")
    version = about.get("version")
    known = about.get("format") == "unargmax certificate" and type(version) is int and 1 <= version <= 5
    keys = {"format", "version", "tool", "head", "audits"}
    other = set(about) - ({"subject"} if known and version > 4 else set())
    demand(known and other == keys, "an unknown format or version")
    demand(is_text(about["tool"]), "the name of the tool is no text")
    counted = type(about["head"]) is dict and all(is_count(about["head"].get(x)) for x in ("tokens", "dim"))
    same = counted and about["head"] == {"sha256": head.sha256, "tokens": head.tokens, "dim": head.dim}
    demand(same, f"it is for another head: {about['head']}, not {head.sha256}")
    demand(type(about["audits"]) is list, "the audits are no list")
    subject, kept, sets = about.get("subject", "head"), None, None
    demand(type(subject) is str and subject in ("head", "kept rows", "label sets"), "an unknown subject")
    if subject == "kept rows":
        kept = rising(arrays.take("kept", np.uint32, None).tolist(), head.tokens, "the kept rows")
        demand(kept, "no row is kept")
        places = {id: place for place, id in enumerate(kept)}
        for i in range(len(about["audits"])):
            arrays.rename(i, *[lambda id: look_up(places, id)] * 2)
        head = head.keeping(kept)
    if subject == "label sets":
        labels = arrays.take("sets.labels", np.uint32, None).tolist()
        demand("sets.offsets" in arrays.arrays, "the array sets.offsets is missing")
        sets = arrays.lists("sets.offsets", max(arrays.arrays["sets.offsets"].size - 1, 0), labels)
        demand(sets, "no set of labels")
        sets = [rising(labels, head.tokens, "the labels of a set") for labels in sets]
        for i in range(len(about["audits"])):
            arrays.rename(i, lambda s: s, lambda label: look_up(range(1, head.tokens + 1), label))
    count = None if sets is None else len(sets)
    audits = [Audit(head, arrays, i, audit, version, count) for i, audit in enumerate(about["audits"])]
    others = all(a.source is None or a.source < len(audits) and a.source != i for i, a in enumerate(audits))
    demand(others, "carried_from is no index of another audit")
    demand(not arrays.arrays, f"unknown arrays: {sorted(arrays.arrays)}")
    demand(audits, "no audits")
    return audits, head, kept, sets


def rising(ids, tokens, what):
    demand(ids == sorted(set(ids)) and all(id < tokens for id in ids), f"{what} are no rising list of ids of the head")
    return ids


def look_up(places, id):
    """The place of an id in a dictionary or a range."""
    demand(id in places if type(places) is dict else id < len(places), f"row {id} takes no part")
    return places[id]


def choose(audit, options, kept):
    """The tokens whose proofs are checked."""
    chosen = audit.scope
    if options.tokens:
        ends = [part.split("-") for part in options.tokens.split(",")]
        chosen = [t for first, *rest in ends for t in range(int(first), int((rest or [first])[0]) + 1)]
        if kept:
            places = {id: place for place, id in enumerate(kept)}
            chosen = [look_up(places, t) for t in chosen]
    if options.sample is not None:
        chosen = random.Random(1).sample(chosen, min(options.sample, len(chosen)))
    return chosen


def results_of(audits, wanted):
    """What is accepted and what is refused of each audit."""
    for i, audit in enumerate(audits):
        asked = set().union(*(a.asks(w) for a, w in zip(audits, wanted) if a.source == i))
        audit.examine(lambda t: wanted[i](t) or t in asked, asked)
    return [audit.finish(w, audits) for audit, w in zip(audits, wanted)]


def results_of_sets(head, audits, sets, choices):
    """The same for audits of label sets: each set on its own head."""
    results = [(Counter(), defaultdict(set)) for _ in audits]
    for s in sorted({s for s in choices[0] if s < len(sets)}):
        own = head.for_set(sets[s])
        parts = [audit.of_set(s, own) for audit in audits]
        for (accepted, refused), (more, problems) in zip(results, results_of(parts, [lambda _: True] * len(parts))):
            accepted.update(more)
            for reasons in problems.values():
                refused[s] |= reasons
    return results


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
    try:
        return check(options)
    except Exception as fault:  # whatever a stranger's file provokes: one line, and no acceptance
        kind = "" if isinstance(fault, (Refused, OSError)) else f"{type(fault).__name__}: "
        print(f"refused: {kind}{' '.join(str(fault).split())[:1000]}")
        return 1


def check(options):
    head, good = Head(options.head, options.weight, options.bias), True
    audits, head, kept, sets = read(head, options.certificate)
    limited = options.tokens or options.sample is not None
    choices = [choose(audit, options, kept) for audit in audits]
    if sets is None:
        wanted = [set(chosen).__contains__ if limited else lambda _: True for chosen in choices]
        results = results_of(audits, wanted)
    else:
        results = results_of_sets(head, audits, sets, choices)
        print(f"{len(sets)} label sets: argmaxable is feasible, unargmaxable is infeasible")
    if kept:
        print(f"{len(kept)} kept rows, which are numbered by their place among them")
    for i, audit in enumerate(audits):
        accepted, refused = results[i]
        for t in set(choices[i]).difference(audit.scope):
            refused[t].add("asked for, but not in the scope")
        name = f"{'box and ' if np.isfinite([audit.lo, audit.hi]).any() else ''}ball" if audit.norm else "free domain" if audit.is_free else "box"
        print(f"{name}: " + ", ".join(f"{n} {verdict} accepted" for verdict, n in sorted(accepted.items())))
        for t in sorted(refused)[: options.list]:
            print(f"  {'audit' if t < 0 else f'token {t}'}: {'; '.join(sorted(refused[t]))}")
        print(f"  {len(refused)} refused" if refused else "  none refused")
        good &= not refused
    return 0 if good else 1


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
