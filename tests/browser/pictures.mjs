// Makes the pictures of README.md from the bundled head's report: npm run pictures. The hash of the report goes beside
// them, so that a test can tell when they are old.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { chromium } from "playwright-core";

const root = resolve(import.meta.dirname, "../..");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
const opened = async (colorScheme, viewport) => {
  const page = await browser.newPage({ viewport, colorScheme });
  await page.goto("file://" + resolve(root, "reports/g2pm/report.html"));
  await page.waitForSelector("html[data-ready]");
  return page;
};
const light = await opened("light", { width: 1100, height: 660 });
await light.screenshot({ path: resolve(root, "docs/pictures/report.png") });
const dark = await opened("dark", { width: 700, height: 1200 });
const card = dark.locator(".card").first();
await card.locator("summary").click();
await card.screenshot({ path: resolve(root, "docs/pictures/card.png") });
await browser.close();
const report = readFileSync(resolve(root, "reports/g2pm/report.html"));
const hash = createHash("sha256").update(report).digest("hex");
writeFileSync(resolve(root, "docs/pictures/made-of.sha256"), `${hash}  reports/g2pm/report.html\n`);
