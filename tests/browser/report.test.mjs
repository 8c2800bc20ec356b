// The report in a browser, from disk: `UNARGMAX_REPORTS=DIR npm test`, where DIR holds the folders of audits named
// hostile (hostile_head.py), pp-ocrv4 (its ONNX file, --bias-needed), rxnmapper (--effort all --margins all) and large (large_head.py), of
// a repair (repaired) and of a search for inputs (reached); .ci/run makes them.
// Chromium is /usr/bin/chromium or $CHROMIUM.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const reports = resolve(process.env.UNARGMAX_REPORTS ?? ".");
const committed = resolve(import.meta.dirname, "../../reports/g2pm/report.html");
// What keeps Chromium from calling home, which a closed network refuses.
const quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", ...quiet],
  });
});
after(() => browser?.close());

/** Opens a page; at the end it must have said nothing on the console and asked for nothing but itself. */
const opened = async (path, options, use) => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  const complaints = [], requests = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => complaints.push("dialog: " + dialog.message()));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto("file://" + path);
  await page.waitForSelector("html[data-ready]");
  await use(page);
  assert.deepEqual(complaints, []);
  assert.deepEqual(requests.filter((url) => url !== "file://" + path && url !== "data:,"), []);
  await page.close();
};

const firstCells = (page, key) =>
  page.locator(`#rows tr:not([hidden]) td.${key}`).allTextContents();
const status = (page) => page.locator("#status").textContent();
const plain = (text) => text.replaceAll("\u202f", "");

test("the table sorts by every heading, up and down", () => opened(committed, {}, async (page) => {
  for (const key of ["norm", "lead", "id"]) {
    const heading = page.locator(`th.${key}`);
    for (const [direction, sign] of [["ascending", 1], ["descending", -1]]) {
      await heading.locator("button").click();
      if (await heading.getAttribute("aria-sort") !== direction) await heading.locator("button").click();
      assert.equal(await heading.getAttribute("aria-sort"), direction);
      const values = (await firstCells(page, key)).filter(Boolean).map(Number);
      assert.ok(values.length > 5);
      assert.deepEqual(values, [...values].sort((a, b) => sign * (a - b)));
    }
  }
  await page.locator("th.token button").click();
  const names = await firstCells(page, "token");
  assert.deepEqual(names, [...names].sort());
}));

test("the table filters by verdict, and the button under the cards does so too", () => opened(committed, {}, async (page) => {
  await page.locator("#verdict").selectOption({ label: "unargmaxable (229)" });
  assert.equal(await status(page), "229 of 876 tokens");
  assert.ok((await firstCells(page, "verdict")).every((text) => text === "unargmaxable"));
  await page.locator("#verdict").selectOption("");
  assert.equal(await status(page), "876 tokens");
  await page.getByRole("button", { name: "Show all 229 in the table" }).click();
  assert.equal(await status(page), "229 of 876 tokens");
}));

test("scrolling reaches the last row, and the rows in the page stay few", () => opened(committed, {}, async (page) => {
  await page.locator("#scroller").evaluate((box) => { box.scrollTop = box.scrollHeight; });
  await page.waitForFunction(() => [...document.querySelectorAll("#rows td.id")].some((cell) => cell.textContent === "875"));
  assert.ok(await page.locator("#rows tr").count() < 60);
  const last = page.locator("#rows tr", { has: page.locator("td.id", { hasText: /^875$/ }) });
  const [row, box] = [await last.boundingBox(), await page.locator("#scroller").boundingBox()];
  assert.ok(row.y + row.height <= box.y + box.height + 2, "the last row is in sight");
  assert.equal(await last.getAttribute("aria-rowindex"), "877");
}));

test("the keyboard moves through the rows and opens a token", () => opened(committed, {}, async (page) => {
  await page.locator("#rows tr").first().focus();
  for (let i = 0; i < 30; i++) await page.keyboard.press("ArrowDown");
  const focused = () => page.evaluate(() => document.activeElement.querySelector?.("td.id")?.textContent);
  assert.equal(await focused(), "30");
  await page.keyboard.press("End");
  assert.equal(await focused(), "875");
  await page.keyboard.press("Home");
  assert.equal(await focused(), "0");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("dialog[open] #card-token").textContent(), "bian3");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("dialog[open]").count(), 0);
  assert.equal(await focused(), "0");
}));

test("the address keeps the selection of the table, and opens it again", () => opened(committed, {}, async (page) => {
  await page.locator("#verdict").selectOption({ label: "unargmaxable (229)" });
  await page.locator("th.norm button").click();
  await page.locator("th.norm button").click();
  const address = page.url();
  assert.match(address, /#table\?verdict=unargmaxable&sort=-norm$/);
  assert.equal(await page.locator("#here").getAttribute("href"), address.slice(address.indexOf("#")));
  const ids = await firstCells(page, "id");
  await page.locator("#verdict").selectOption("");
  await page.locator("th.id button").click();
  assert.equal(await status(page), "876 tokens");
  assert.ok(!page.url().includes("#"));
  await page.evaluate((hash) => { location.hash = hash; }, address.slice(address.indexOf("#")));
  await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("229 of"));
  assert.deepEqual(await firstCells(page, "id"), ids);
}));

test("the address of a token opens it, and closing returns to the table's", () => opened(committed, {}, async (page) => {
  await page.locator(".card .id a").first().click();
  assert.equal(await page.locator("dialog[open] #card-token").textContent(), "jian3");
  assert.match(page.url(), /#token-4$/);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !location.hash);
  await page.evaluate(() => { location.hash = "#token-875"; });
  await page.locator("dialog[open]").waitFor();
  assert.match(await page.locator("dialog[open] dl").textContent(), /^id875 \(link\)/);
  for (const wrong of ["#token-876", "#token-x", "#table?sort=nothing&verdict=none", "#nothing"]) {
    await page.evaluate((hash) => { document.querySelector("dialog[open]")?.close(); location.hash = hash; }, wrong);
    await page.waitForTimeout(100);
    assert.equal(await page.locator("dialog[open]").count(), 0, wrong);
  }
}));

test("a phone scrolls the table sideways to every column, and is told so", () => opened(committed, { viewport: { width: 390, height: 844 } }, async (page) => {
  assert.ok(await page.locator("#wider").isVisible());
  await page.locator("#scroller").evaluate((box) => { box.scrollLeft = box.scrollWidth; });
  const box = await page.locator("#scroller").boundingBox();
  const [last, token] = [await page.locator("thead th").last().boundingBox(), await page.locator("thead th.token").boundingBox()];
  assert.ok(last.x + last.width <= box.x + box.width + 2, "the last column is in sight");
  assert.ok(token.x >= box.x - 2, "and so is the token");
}));

test("pictures say their values under the pointer", () => opened(committed, {}, async (page) => {
  const says = (name) => page.locator(`#picture-${name} .wide svg rect title`).allTextContents();
  assert.ok((await says("ids")).some((text) => /^ids \d+ to \d+: \d+ unargmaxable$/.test(text)));
  assert.ok((await says("rivals")).some((text) => /\(id \d+\): a rival in \d+ of 229 proofs$/.test(text)));
  assert.ok((await says("row-norms")).some((text) => /^[\d.]+ to [\d.]+: \d+ tokens, \d+ unargmaxable$/.test(text)));
}));

test("a print holds the cards unfolded and the selected rows with their rivals", () => opened(committed, {}, async (page) => {
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("#paper tbody tr").count(), 876);
  assert.equal(await page.locator(".card details:not([open])").count(), 0);
  assert.match(await page.locator("#paper tbody tr").nth(4).textContent(), /jian3.*unargmaxable.*sao4 \+ .* more$/);
  assert.ok(await page.locator("#paper").isVisible() && !await page.locator("#all").isVisible());
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  assert.equal(await page.locator("#paper tr, .card details[open]").count(), 0);
}));

test("bars of one weight are of one length on all cards", () => opened(committed, {}, async (page) => {
  const scales = await page.evaluate(() => [...document.querySelectorAll(".card .rivals li")].map((line) =>
    parseFloat(line.querySelector(".gauge").style.getPropertyValue("--w")) / Number(line.querySelector(".weight").textContent)));
  assert.ok(scales.length > 50 && Math.max(...scales) - Math.min(...scales) < 0.01 * Math.max(...scales), `${scales}`);
}));

test("a card opens with picture and proof", () => opened(committed, {}, async (page) => {
  const card = page.locator(".card").first();
  await card.locator("summary").click();
  await card.locator("figure svg").waitFor();
  assert.match(await card.locator("figure h4").textContent(), /jian3.? among its rivals/);
  assert.match(await card.locator(".proof").textContent(), /^Proof: /);
}));

test("a Chinese token is found, and its rivals lead on", () => opened(`${reports}/pp-ocrv4/report.html`, {}, async (page) => {
  await page.locator("#search").fill("忖");
  await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("1 of"));
  await page.locator("#rows tr:not([hidden])").first().click();
  const dialog = page.locator("dialog[open]");
  assert.equal(await dialog.locator("#card-token").textContent(), "忖");
  assert.match(await dialog.textContent(), /unargmaxable/);
  const rival = dialog.locator(".rivals button").first();
  const name = await rival.textContent();
  await rival.click();
  assert.equal(await dialog.locator("#card-token").textContent(), name);
}));

test("tokens that look like markup are text, and signs stand for what cannot be seen", () => opened(`${reports}/hostile/report.html`, {}, async (page) => {
  const title = await page.title();
  const shown = await firstCells(page, "token");
  for (const text of ["</script><script>document.title='broken'</script>", "<img␣src=x␣onerror=document.title='broken'>", "中文", "مرحبا", "👩‍🔬", "◌́", "␣the", "LF", "U+202Eabc"]) {
    assert.ok(shown.includes(text), `${text} is missing in ${shown}`);
  }
  await page.locator("#search").fill("<script>");
  await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("1 of"));
  await page.locator("#rows tr:not([hidden])").first().click();
  await page.locator("dialog[open]").waitFor();
  assert.equal(await page.locator("main img, #rows script, dialog script").count(), 0);
  assert.equal(await page.title(), title);
}));

test("tokens that only the limits of the states shut out are a click away", () => opened(`${reports}/pp-ocrv4/report.html`, {}, async (page) => {
  await page.getByRole("button", { name: "Show in the table" }).click();
  assert.equal(await status(page), "15 of 6625 tokens");
  assert.ok((await firstCells(page, "verdict")).every((text) => text === "unargmaxable"));
  assert.ok((await firstCells(page, "free")).every((text) => text === "argmaxable"));
  await page.locator("#rows tr:not([hidden])").first().click();
  assert.match(await page.locator("dialog[open]").textContent(), /any vectorargmaxable, if the state could be any vector.*bias needed[\d.]+/);
}));

test("effort and best lead sort by their numbers", () => opened(`${reports}/rxnmapper/report.html`, {}, async (page) => {
  const upper = (text) => Number(text.split(" to ").at(-1));
  for (const key of ["effort", "margin"]) {
    for (const sign of [1, -1]) {
      await page.locator(`th.${key} button`).click();
      const values = (await firstCells(page, key)).map(upper);
      assert.ok(values.length > 5 && values.every(Number.isFinite), `${values}`);
      assert.deepEqual(values, [...values].sort((a, b) => sign * (a - b)));
    }
  }
  await page.locator("#rows tr:not([hidden])").first().click();
  assert.match(await page.locator("dialog[open]").textContent(), /best lead.* logits.*survives.*effort/);
}));

const looks = [["light", { width: 390, height: 844 }], ["dark", { width: 1280, height: 900 }]];
for (const [name, colorScheme, viewport] of ["pp-ocrv4", "rxnmapper"].flatMap((name) => looks.map((look) => [name, ...look]))) {
  test(`nothing is wider than the page (${name}, ${colorScheme}, ${viewport.width} px)`, () => opened(`${reports}/${name}/report.html`, { colorScheme, viewport }, async (page) => {
    const card = page.locator(".card summary").first();
    if (await card.count()) await card.click();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0);
    // Letters of the pictures are where they can be read: inside their picture, and not tiny.
    const bad = await page.evaluate(() => [...document.querySelectorAll("figure svg")].filter((svg) => svg.clientWidth).flatMap((svg) => {
      const frame = svg.getBoundingClientRect();
      return [...svg.querySelectorAll("text")].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.width && (box.left < frame.left - 4 || box.right > frame.right + 4 || box.height < 9);
      }).map((text) => text.textContent.trim());
    }));
    assert.deepEqual(bad, []);
  }));
}

for (const [path, colorScheme, viewport] of ["repaired/repair", "reached/reach"].flatMap((path) => looks.map((look) => [path, ...look]))) {
  test(`numbers and verdicts stay whole, and nothing is wider than the page (${path}, ${colorScheme}, ${viewport.width} px)`, async () => {
    const page = await browser.newPage({ colorScheme, viewport });
    await page.goto(`file://${reports}/${path}.html`);
    for (const media of ["screen", "print"]) {
      await page.emulateMedia({ media });
      const broken = await page.evaluate(() => [...document.querySelectorAll(".scroll td")]
        .filter((cell) => !/\s/.test(cell.textContent.trim()) && (cell.matches(".number") || /^(un)?argmaxable$/.test(cell.textContent.trim())))
        .filter((cell) => {
          const range = document.createRange();
          range.selectNodeContents(cell);
          return range.getClientRects().length > 1;
        }).map((cell) => cell.textContent));
      assert.deepEqual(broken, [], media);
      if (media === "print") continue;
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0);
    }
    await page.close();
  });
}

test("without scripts the page still says what was found", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto("file://" + committed);
  assert.equal(await page.locator("h1").textContent(), "229 of 876 tokens can never win");
  assert.ok(await page.locator(".card").count() >= 20);
  await context.close();
});

test("262144 tokens open within two seconds, in less than 15 MB", async () => {
  const path = `${reports}/large/report.html`;
  const size = statSync(path).size;
  assert.ok(size < 15e6, `${size} bytes`);
  const times = [];
  for (let i = 0; i < 3; i++) {
    await opened(path, {}, async (page) => {
      times.push(await page.evaluate(() => performance.getEntriesByName("ready")[0].startTime));
      assert.match(plain(await status(page)), /^262144 tokens$/);
      await page.locator("#search").fill("臺");
      await page.waitForFunction(() => document.getElementById("status").textContent.includes(" of "));
      assert.ok((await firstCells(page, "token")).every((text) => text.includes("臺")));
    });
  }
  console.log(`large: ${(size / 1e6).toFixed(1)} MB, ready after ${times.map((t) => t.toFixed(0)).join(", ")} ms`);
  assert.ok(Math.min(...times) < 2000, `${times}`);
});
