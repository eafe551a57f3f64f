// What does a real Chromium make of the page? One JSON command per line on standard input, one JSON reply per line on standard output.
//
//   node drive.js CHROMIUM          the modules are looked for in NODE_PATH
"use strict";
const fs = require("fs");
const readline = require("readline");
const {chromium} = require("playwright-core");

const messages = [];
const requests = [];
let browser, context, page;

const commands = {
  async open({url, width, height, scheme}) {
    if (context) await context.close();
    messages.length = requests.length = 0;
    context = await browser.newContext({viewport: {width, height}, colorScheme: scheme, locale: "en-GB", timezoneId: "UTC"});
    page = await context.newPage();
    page.on("console", message => { if (["error", "warning"].includes(message.type())) messages.push(message.type() + ": " + message.text() + " " + (message.location().url || "")); });
    page.on("pageerror", error => messages.push("exception: " + error.message));
    page.on("request", request => requests.push(request.url()));
    await page.goto(url, {waitUntil: "load"});
  },
  async size({width, height, scheme}) {
    await page.setViewportSize({width, height});
    await page.emulateMedia({colorScheme: scheme});
  },
  // The value of an expression in the page.
  async value({expression}) { return page.evaluate(expression); },
  // Asked again and again from here: what Playwright has for this needs eval in the page, which its policy forbids.
  async until({expression, limit}) {
    for (const end = Date.now() + limit * 1000; !await page.evaluate(`Boolean(${expression})`);) {
      if (Date.now() > end) throw new Error(`not true within ${limit} s`);
      await new Promise(done => setTimeout(done, 50));
    }
  },
  async fill({selector, text}) { await page.fill(selector, text); },
  async click({selector}) { await page.click(selector); },
  async press({key}) { await page.keyboard.press(key); },
  async seen() { return {messages: [...messages], requests: [...requests]}; },
  async picture({path, selector, full}) {
    if (selector) await page.locator(selector).screenshot({path});
    else await page.screenshot({path, fullPage: Boolean(full)});
  },
  // axe-core's findings. It is evaluated through the debugger, so the page's Content-Security-Policy stays in force.
  async axe() {
    await page.evaluate(fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
    const found = await page.evaluate(() => window.axe.run(document, {resultTypes: ["violations"]}));
    return found.violations.map(({id, impact, help, nodes}) => ({id, impact, help, where: nodes.slice(0, 5).map(node => node.target.join(" ") + ": " + node.failureSummary)}));
  },
};

const main = async () => {
  browser = await chromium.launch({executablePath: process.argv[2], args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]});
  for await (const line of readline.createInterface({input: process.stdin})) {
    const {what, ...more} = JSON.parse(line);
    let reply;
    try { reply = {value: await commands[what](more)}; }
    catch (error) { reply = {error: String(error.message || error).slice(0, 2000)}; }
    process.stdout.write(JSON.stringify(reply) + "\n");
  }
  await browser.close();
};
main().catch(error => { process.stderr.write(error.stack + "\n"); process.exit(1); });
