// The table of all tokens. Every text reaches the page through textContent; nothing is ever parsed as markup.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const source = byId("data");
  if (!source) return;
  const ROW = 40;
  // Browsers end a box near 17 million pixels; beyond this height the bar's length stands for more rows.
  const TALLEST = 12e6;
  const DIGITS = new Intl.NumberFormat("en", { useGrouping: true });
  const grouped = (n) => (n < 10000 ? String(n) : DIGITS.format(n).replaceAll(",", "\u202f"));

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };

  // Signs travel as private characters: U+E020 is a blank, others stand between U+E080 and U+E081.
  const SIGNS = /\ue020|\ue080[^\ue081]*\ue081/g;
  const sign = (coded) => coded === "\ue020"
    ? element("span", "sign blank", "\u2423") : element("span", "sign", coded.slice(1, -1));
  const fillToken = (bdi, coded) => {
    bdi.textContent = "";
    let end = 0;
    for (const found of coded.matchAll(SIGNS)) {
      if (found.index > end) bdi.append(coded.slice(end, found.index));
      bdi.append(sign(found[0]));
      end = found.index + found[0].length;
    }
    if (end < coded.length) bdi.append(coded.slice(end));
    return bdi;
  };
  const token = (coded) => {
    const bdi = element("bdi");
    bdi.setAttribute("translate", "no");
    return fillToken(bdi, coded);
  };

  const number = (x) => {
    if (x === null) return "beyond float64";
    if (x === 0) return "0";
    const size = Math.abs(x);
    if (size >= 1e-3 && size < 1e5) return size < 1e4 ? x.toPrecision(4) : x.toFixed(0);
    return x.toExponential(3);
  };

  // What is proved of a number: one where its ends agree, as far as they are shown.
  const span = (low, high) => {
    if (Number.isNaN(low)) return "";
    if (low === Infinity) return "never";
    if (high === Infinity) return low === -Infinity ? "not known" : "\u2265\u202f" + number(low);
    if (low === -Infinity) return "\u2264\u202f" + number(high);
    const least = number(low), most = number(high);
    return least === most ? least : `${least} to ${most}`;
  };

  const inflate = async (text) => {
    let bytes;
    if (Uint8Array.fromBase64) {
      bytes = Uint8Array.fromBase64(text);
    } else {
      const binary = atob(text);
      bytes = new Uint8Array(binary.length);
      for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    }
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };

  const start = (data) => {
    const count = data.shown.length;
    const [TOKEN, TOKENS, STATE, STATES, AT] = data.terms;
    const id = (row) => (data.ids ? data.ids[row] : row);
    const rowOf = data.ids ? new Map(data.ids.map((id, row) => [id, row])) : null;
    const find = (id) => (rowOf ? rowOf.get(id) : id < count ? id : undefined);
    const digit = (text, row) => text.charCodeAt(row) - 48;
    const verdict = (row) => digit(data.verdict, row);
    const kind = (row) => data.kinds[digit(data.kind, row)] ?? "";
    const piece = (row) => data.piece[row] || null;
    const others = new Map(data.others);
    const name = (id) => {
      const row = find(id);
      return row === undefined ? (others.get(id) ?? "#" + id) : data.shown[row];
    };
    const blocked = new Map(data.blocked.map((entry) => [entry[0], entry]));
    const tied = new Map();
    for (const group of data.ties) for (const member of group) tied.set(member, group);

    const free = (row) => (data.free ? digit(data.free, row) : 4);
    const FORMATS = ["bf16", "f16", "f32"];
    const survives = (row) => {
      const bits = digit(data.survives, row);
      return FORMATS.filter((name, i) => bits & (1 << i)).join(" ") || "none shown";
    };
    // The ends of intervals, NaN where there is none.
    const spread = (spans) => {
      if (!spans) return null;
      const low = new Float64Array(count).fill(NaN), high = new Float64Array(count).fill(NaN);
      spans.low.forEach((end, i) => {
        const row = spans.rows ? spans.rows[i] : i;
        low[row] = Number(end);
        high[row] = Number(spans.high[i]);
      });
      return { low, high };
    };
    const spans = { effort: spread(data.effort), margin: spread(data.margin), bias: spread(data.bias), move: spread(data.move) };
    const has = (key, row) => spans[key] !== null && !Number.isNaN(spans[key].low[row]);
    const spanned = (key, row) => span(spans[key].low[row], spans[key].high[row]);
    const rank = (key, row) => {
      const high = spans[key].high[row];
      return Number.isFinite(high) ? high : spans[key].low[row];
    };
    const bySpan = (key) => (a, b) => {
      const x = rank(key, a), y = rank(key, b);
      return x < y ? -1 : x > y ? 1 : 0;
    };

    // Which rows, in which order.
    let order = new Uint32Array(0);
    let sorting = { key: "id", down: false };
    let current = 0;
    let names = null;
    let lower = null;

    const keys = {
      id: (a, b) => a - b,
      token: (a, b) => {
        names ??= data.shown.map((text) => text.replaceAll("\ue020", " "));
        return names[a] < names[b] ? -1 : names[a] > names[b] ? 1 : 0;
      },
      piece: (a, b) => {
        const x = piece(a) ?? "", y = piece(b) ?? "";
        return x < y ? -1 : x > y ? 1 : 0;
      },
      kind: (a, b) => (kind(a) < kind(b) ? -1 : kind(a) > kind(b) ? 1 : 0),
      norm: (a, b) => (data.norm[a] ?? Infinity) - (data.norm[b] ?? Infinity) || 0,
      verdict: (a, b) => verdict(a) - verdict(b),
      lead: (a, b) => data.lead[a] - data.lead[b],
      free: (a, b) => free(a) - free(b),
      survives: (a, b) => digit(data.survives, a) - digit(data.survives, b),
      effort: bySpan("effort"),
      margin: bySpan("margin"),
      bias: bySpan("bias"),
      move: bySpan("move"),
    };
    // What the cells of a row say, apart from its token and spelling.
    const written = {
      id: (row) => String(id(row)),
      kind,
      norm: (row) => number(data.norm[row]),
      verdict: (row) => data.verdicts[verdict(row)],
      free: (row) => data.verdicts[free(row)] ?? "",
      lead: (row) => (data.lead[row] ? number(data.lead[row]) : ""),
      margin: (row) => spanned("margin", row),
      effort: (row) => spanned("effort", row),
      bias: (row) => spanned("bias", row),
      move: (row) => spanned("move", row),
      survives: (row) => (has("margin", row) ? survives(row) : ""),
    };
    // Rows without a value, which come last either way.
    const without = {
      lead: (row) => !data.lead[row],
      free: (row) => free(row) === 4,
      survives: (row) => !has("margin", row),
      effort: (row) => !has("effort", row),
      margin: (row) => !has("margin", row),
      bias: (row) => !has("bias", row),
      move: (row) => !has("move", row),
    };

    const search = byId("search"), wanted = byId("verdict"), wantedKind = byId("kind"), wantedFree = byId("beside");
    const scroller = byId("scroller"), sizer = byId("sizer"), frame = byId("window");
    const table = byId("tokens"), body = byId("rows"), status = byId("status"), dialog = byId("card");
    const wider = byId("wider"), here = byId("here"), paper = byId("paper");
    const empty = element("p", "empty", `No ${TOKEN} fits.`);

    const matches = () => {
      const typed = search.value;
      if (!typed) return () => true;
      if (/^#\d+$/.test(typed)) return (row) => id(row) === Number(typed.slice(1));
      lower ??= data.shown.map((text, row) => (text + "\n" + (piece(row) ?? "")).toLowerCase());
      // A blank is looked for as its sign.
      const text = typed.toLowerCase().replace(/[ \u2423]/g, "\ue020");
      const plain = typed.toLowerCase();
      return (row) => lower[row].includes(text) || lower[row].includes(plain);
    };

    const select = () => {
      const fits = matches();
      const one = wanted.value === "" ? -1 : Number(wanted.value);
      const sort = wantedKind?.value ?? "";
      const anywhere = wantedFree?.value ? Number(wantedFree.value) : -1;
      const found = new Uint32Array(count);
      let length = 0;
      for (let row = 0; row < count; row++) {
        if (one >= 0 && verdict(row) !== one) continue;
        if (sort && kind(row) !== sort) continue;
        if (anywhere >= 0 && free(row) !== anywhere) continue;
        if (fits(row)) found[length++] = row;
      }
      order = found.subarray(0, length);
      if (sorting.key !== "id") {
        const compare = keys[sorting.key];
        const way = sorting.down ? -1 : 1;
        const lacks = without[sorting.key] ?? (() => false);
        order.sort((a, b) => lacks(a) - lacks(b) || way * compare(a, b) || a - b);
      } else if (sorting.down) {
        order.reverse();
      }
      current = 0;
      scroller.scrollTop = 0;
      table.setAttribute("aria-rowcount", String(length + 1));
      // Padding is no token.
      const [single, many] = data.kinds.includes("padding") ? ["row", "rows"] : [TOKEN, TOKENS];
      status.textContent = length === count
        ? `${grouped(count)} ${count === 1 ? single : many}`
        : `${grouped(length)} of ${grouped(count)} ${many}`;
      measure();
    };

    // The rows in sight, in table rows that are made once and filled again while the bar moves.
    let visible = 0;
    const lines = [];
    const total = () => Math.min(order.length * ROW, TALLEST);
    const measure = () => {
      const height = scroller.clientHeight;
      frame.style.height = height + "px";
      wider.hidden = scroller.scrollWidth <= scroller.clientWidth;
      sizer.style.height = Math.max(height, total() + ROW) + "px";
      visible = Math.ceil((height - ROW) / ROW) + 1;
      render();
    };
    const position = () => {
      const room = height() - scroller.clientHeight;
      if (room <= 0) return 0;
      const last = Math.max(0, order.length - (scroller.clientHeight - ROW) / ROW);
      return Math.min(last, (scroller.scrollTop / room) * last);
    };
    const height = () => total() + ROW;
    const scrollTo = (place) => {
      const last = Math.max(0, order.length - (scroller.clientHeight - ROW) / ROW);
      const room = height() - scroller.clientHeight;
      scroller.scrollTop = last > 0 ? (place / last) * room : 0;
    };

    const line = () => {
      const row = element("tr");
      row.tabIndex = -1;
      const cells = {};
      for (const header of table.tHead.rows[0].cells) {
        const cell = element("td", header.dataset.key);
        cells[header.dataset.key] = cell;
        row.append(cell);
      }
      cells.text = token("");
      cells.token.append(cells.text);
      cells.spelling = element("bdi");
      cells.spelling.setAttribute("translate", "no");
      cells.piece?.append(cells.spelling);
      return { row, cells, shows: -1 };
    };
    const fill = (line, index) => {
      const row = order[index];
      line.row.setAttribute("aria-rowindex", String(index + 2));
      line.row.dataset.index = String(index);
      line.row.tabIndex = index === current ? 0 : -1;
      if (line.shows === row) return;
      line.shows = row;
      const { cells } = line;
      fillToken(cells.text, data.shown[row]);
      cells.spelling.textContent = piece(row) ?? "";
      for (const key in written) if (cells[key]) cells[key].textContent = written[key](row);
      cells.verdict.className = "verdict v" + verdict(row);
      if (cells.free) cells.free.className = "free v" + free(row);
    };
    const render = () => {
      const place = position();
      const first = Math.floor(place);
      const shown = Math.max(0, Math.min(visible, order.length - first));
      while (lines.length < shown) {
        lines.push(line());
        body.append(lines.at(-1).row);
      }
      const focused = body.contains(document.activeElement);
      for (let i = 0; i < lines.length; i++) {
        lines[i].row.hidden = i >= shown;
        if (i < shown) fill(lines[i], first + i);
      }
      // Some row must be reachable by the keyboard, even when the current one is out of sight.
      if (shown && (current < first || current >= first + shown)) {
        lines[0].row.tabIndex = 0;
        if (focused) document.activeElement.blur();
      }
      body.style.transform = `translateY(${-(place - first) * ROW}px)`;
      if (order.length === 0) frame.append(empty);
      else empty.remove();
    };

    const focusOn = (index) => {
      current = Math.max(0, Math.min(order.length - 1, index));
      const room = (scroller.clientHeight - ROW) / ROW;
      const place = position();
      if (current < place) scrollTo(current);
      else if (current + 1 > place + room) scrollTo(current + 1 - room);
      render();
      lines.find((line) => !line.row.hidden && line.row.dataset.index === String(current))?.row.focus({ preventScroll: true });
    };

    const sort = (key, down) => {
      sorting = { key, down };
      for (const header of table.tHead.rows[0].cells) {
        const here = header.dataset.key === key;
        header.setAttribute("aria-sort", here ? (down ? "descending" : "ascending") : "none");
      }
    };
    const change = (key, down) => {
      sort(key, down);
      chosen();
    };

    // What stands behind the # of the address: the selection of the table, or a token in full.
    const selection = () => {
      const state = new URLSearchParams();
      if (search.value) state.set("search", search.value);
      if (wanted.value) state.set("verdict", data.verdicts[wanted.value]);
      if (wantedFree?.value) state.set("free", data.verdicts[wantedFree.value]);
      if (wantedKind?.value) state.set("kind", wantedKind.value);
      if (sorting.key !== "id" || sorting.down) state.set("sort", (sorting.down ? "-" : "") + sorting.key);
      const text = String(state);
      return text && "#table?" + text;
    };
    const address = (fragment) => history.replaceState(null, "", fragment || location.href.split("#")[0]);
    const chosen = () => {
      select();
      const fragment = selection();
      here.hidden = !fragment;
      here.href = fragment || "#all";
      address(fragment);
    };
    const follow = () => {
      const [place, state] = location.hash.slice(1).split("?");
      const wish = /^token-(\d+)$/.exec(place);
      if (wish && find(Number(wish[1])) !== undefined) {
        open(find(Number(wish[1])));
      } else if (place === "table") {
        const given = new URLSearchParams(state);
        const option = (name) => {
          const verdict = data.verdicts.indexOf(given.get(name));
          return verdict < 0 ? "" : String(verdict);
        };
        search.value = given.get("search") ?? "";
        wanted.value = option("verdict");
        if (wantedFree) wantedFree.value = option("free");
        if (wantedKind) wantedKind.value = given.get("kind") ?? "";
        const by = given.get("sort") ?? "id";
        const key = by.replace(/^-/, "");
        if (table.querySelector(`th[data-key="${CSS.escape(key)}"]`)) sort(key, by.startsWith("-"));
        chosen();
        byId("all").scrollIntoView();
      }
    };

    // The table on paper: the selected rows, or if they are too many those that do not win.
    const PAPER = 2000;
    const NAMED = 8;
    const inLine = (row) => {
      const entry = blocked.get(row);
      if (!entry) return "";
      const [, , all, ids, weights] = entry;
      const cell = element("span");
      let named = 0;
      ids.forEach((rival, i) => {
        if (typeof rival !== "number" || named === NAMED) return;
        if (named > 0) cell.append(" + ");
        cell.append(number(weights[i]), "\u00a0", token(name(rival)));
        named += 1;
      });
      if (all > named) cell.append(` and ${all - named} more`);
      return cell;
    };
    const onPaper = () => {
      const fit = order.length <= PAPER;
      const rows = (fit ? [...order] : [...order].filter((row) => verdict(row) !== 0)).slice(0, PAPER);
      const told = fit ? "" : `: those that do not win, of ${grouped(order.length)} selected`;
      const left = fit ? 0 : order.length - rows.length;
      const headers = [...table.tHead.rows[0].cells];
      const head = element("tr", "", ...headers.map((cell) => element("th", "", cell.textContent)), element("th", "", "rivals"));
      const lines = rows.map((row) => element("tr", "", ...headers.map((cell) => {
        const key = cell.dataset.key;
        if (key === "token") return element("td", "", token(data.shown[row]));
        return element("td", key === "verdict" ? "v" + verdict(row) : "", key === "piece" ? (piece(row) ?? "") : written[key](row));
      }), element("td", "rivals-in-a-line", inLine(row))));
      const sheet = element("table", "plain", element("thead", "", head), element("tbody", "", ...lines));
      paper.replaceChildren(
        element("h2", "", `${grouped(rows.length)} ${rows.length === 1 ? TOKEN : TOKENS}${told}`), sheet,
        element("p", "note", left ? `${grouped(left)} more rows are in verdicts.csv.` : "verdicts.csv has all digits."),
      );
    };
    const closed = [];
    addEventListener("beforeprint", () => {
      for (const part of document.querySelectorAll("details:not([open])")) closed.push(part);
      for (const part of closed) part.open = true;
      onPaper();
    });
    addEventListener("afterprint", () => {
      for (const part of closed.splice(0)) part.open = false;
      paper.replaceChildren();
    });

    // A token in full.
    const link = (id) => {
      const coded = name(id);
      const row = find(id);
      if (row === undefined) return token(coded);
      const button = element("button", "", token(coded));
      button.type = "button";
      button.addEventListener("click", () => open(row));
      return button;
    };
    const rival = (entry, weight) => {
      const end = typeof entry === "string" ? /^(lo|hi)\[(\d+)\]$/.exec(entry) : null;
      const label = typeof entry === "number" ? link(entry)
        : element("span", "end", end ? `${end[1] === "lo" ? "lower" : "upper"} end of ${end[2]}` : entry);
      if (end) return element("li", "", label, " ", element("span", "weight", number(weight)));
      const gauge = element("span", "gauge");
      gauge.setAttribute("aria-hidden", "true");
      gauge.style.setProperty("--w", Math.min(100, Math.max(1, (100 * weight) / data.full)) + "%");
      return element("li", "", element("span", "name", label), gauge, element("span", "weight", number(weight)));
    };
    const open = (row) => {
      const close = element("button", "close", "Close");
      close.type = "button";
      close.addEventListener("click", () => dialog.close());
      const heading = element("h2", data.shown[row].length > 24 ? "token long" : "token", token(data.shown[row]));
      heading.id = "card-token";
      const outcome = verdict(row);
      const parts = [
        element("p", "", element("span", "v" + outcome, data.verdicts[outcome])),
      ];
      const facts = element("dl", "facts");
      const fact = (name, ...value) => facts.append(element("dt", "", name), element("dd", "", ...value));
      const itself = element("a", "", "link");
      itself.href = "#token-" + id(row);
      fact("id", String(id(row)), " (", itself, ")");
      if (kind(row)) fact("kind", kind(row));
      const spelling = piece(row) ?? data.shown[row];
      if (piece(row) !== null) {
        const spelled = element("bdi", "", piece(row));
        spelled.setAttribute("translate", "no");
        fact("spelling", spelled);
      }
      if (spelling.length <= 64 && !data.shown[row].startsWith("#")) {
        fact("code points", Array.from(spelling, (c) => "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")).join(" "));
      }
      fact("row length", number(data.norm[row]));
      if (data.lead[row]) fact("lead shown", `${number(data.lead[row])}, proved ${AT} one ${STATE}; others may give more`);
      if (free(row) !== 4) fact("any vector", `${data.verdicts[free(row)]}, if the ${STATE} could be any vector`);
      if (has("margin", row)) {
        fact("best lead", `${spanned("margin", row)} logits, the greatest that any of the ${STATES} gives it`);
        fact("survives", `${survives(row)}: there it provably still leads after rounding; of other formats that was not shown`);
      }
      if (has("effort", row)) fact("effort", `${spanned("effort", row)}, the least length of a ${STATE} that lets it win, as a share of the greatest one`);
      if (has("bias", row)) fact("bias needed", `${spanned("bias", row)}, the least raise of its own bias that would let it win`);
      if (has("move", row)) fact("move needed", `${spanned("move", row)}, the least length of a change of its own row that would let it win`);
      const [proof, meaning] = data.proofs[digit(data.proof, row)];
      if (proof) fact("proof", element("code", "", proof), ": " + meaning);
      parts.push(facts);
      const entry = blocked.get(row);
      if (entry) {
        const [, sentence, all, ids, weights] = entry;
        const list = element("ol", "rivals");
        const ends = element("ul", "rest");
        ids.forEach((rivalId, i) => (typeof rivalId === "number" ? list : ends).append(rival(rivalId, weights[i])));
        parts.push(element("p", "", sentence), list);
        if (ends.childElementCount) parts.push(element("p", "ends", "Ends of coordinates that the proof uses, with weights of their own:"), ends);
        if (ids.length < all) parts.push(element("p", "note", `and ${all - ids.length} more in verdicts.csv`));
      }
      const group = tied.get(id(row));
      if (group) {
        const list = element("ul", "chips");
        for (const member of group) if (member !== id(row)) list.append(element("li", "name", link(member)));
        parts.push(element("p", "", `It has the same numbers as these ${TOKENS}, and so always the same score:`), list);
      }
      dialog.replaceChildren(close, heading, ...parts);
      if (!dialog.open) dialog.showModal();
      address("#token-" + id(row));
      dialog.scrollTop = 0;
    };

    table.tHead.addEventListener("click", (event) => {
      const header = event.target.closest("th");
      if (!header || !event.target.closest("button")) return;
      const key = header.dataset.key;
      change(key, sorting.key === key ? !sorting.down : false);
    });
    body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (!row || String(getSelection())) return;
      focusOn(Number(row.dataset.index));
      open(order[current]);
    });
    body.addEventListener("focusin", (event) => {
      const row = event.target.closest("tr");
      if (row) current = Number(row.dataset.index);
    });
    body.addEventListener("keydown", (event) => {
      const page = Math.max(1, visible - 2);
      const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
      if (event.key in steps) focusOn(current + steps[event.key]);
      else if (event.key === "Enter" || event.key === " ") open(order[current]);
      else return;
      event.preventDefault();
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("close", () => address(selection()));
    let waiting = 0;
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(chosen, 120);
    });
    wanted.addEventListener("change", chosen);
    wantedKind?.addEventListener("change", chosen);
    wantedFree?.addEventListener("change", chosen);
    for (const button of document.querySelectorAll("button[data-filter]")) {
      button.addEventListener("click", () => {
        search.value = "";
        if (wantedKind) wantedKind.value = "";
        if (wantedFree) wantedFree.value = button.dataset.free ?? "";
        wanted.value = button.dataset.filter;
        chosen();
        byId("all").scrollIntoView();
        wanted.focus({ preventScroll: true });
      });
    }
    let drawn = false;
    scroller.addEventListener("scroll", () => {
      if (drawn) return;
      drawn = true;
      requestAnimationFrame(() => {
        drawn = false;
        render();
      });
    }, { passive: true });
    new ResizeObserver(measure).observe(scroller);
    select();
    follow();
    addEventListener("hashchange", follow);
    performance.mark("ready");
    document.documentElement.dataset.ready = "yes";
  };

  inflate(source.textContent.trim()).then(start, (error) => {
    byId("status").textContent =
      "This browser cannot unpack the table (" + error.message + "); verdicts.csv beside this page holds the same.";
  });
})();
