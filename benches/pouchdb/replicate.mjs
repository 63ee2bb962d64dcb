// Replicates the rows of a file of JSON lines by PouchDB from a PouchDB server on loopback and prints what it took
// as one line of JSON. The server is a process of its own, as central is one; both keep their data on disk with
// LevelDB, PouchDB's default in Node.js. Filling the server is not part of the time.
//
//     node replicate.mjs ROWS.jsonl WORK_DIR
import { spawn } from "node:child_process";
import { createReadStream, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";
import PouchDB from "pouchdb";

const BULK = 1000; // documents of one request while filling, and of one page while replicating (best of 100, 1000, 5000)

const [rowsFile, work] = process.argv.slice(2);
if (!rowsFile || !work) {
  console.error("usage: node replicate.mjs ROWS.jsonl WORK_DIR");
  process.exit(2);
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function peakMib(pid) {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024);
}

async function answers(url) {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // It is still starting.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the PouchDB server does not answer");
}

rmSync(work, { recursive: true, force: true });
mkdirSync(join(work, "server"), { recursive: true });
const port = await freePort();
const program = createRequire(import.meta.url).resolve("pouchdb-server/bin/pouchdb-server");
const server = spawn(process.execPath, [program, "--port", String(port), "--host", "127.0.0.1", "--dir", "."], {
  cwd: join(work, "server"),
  stdio: "ignore",
});
try {
  const base = `http://127.0.0.1:${port}`;
  await answers(base);
  const remote = new PouchDB(`${base}/catalogue`);
  let batch = [];
  let rows = 0;
  const put = async () => {
    const failed = (await remote.bulkDocs(batch)).filter((result) => result.error);
    if (failed.length > 0) throw new Error(`filling: ${JSON.stringify(failed[0])}`);
    rows += batch.length;
    batch = [];
  };
  for await (const line of createInterface({ input: createReadStream(rowsFile) })) {
    const { id, ...row } = JSON.parse(line);
    batch.push({ _id: id, ...row });
    if (batch.length === BULK) await put();
  }
  if (batch.length > 0) await put();

  const before = peakMib(process.pid);
  const local = new PouchDB(join(work, "terminal"));
  const started = process.hrtime.bigint();
  const result = await local.replicate.from(remote, { batch_size: BULK, batches_limit: 10 });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const held = (await local.info()).doc_count;
  if (!result.ok || held !== rows) throw new Error(`replicated ${held} of ${rows}`);
  console.log(JSON.stringify({
    rows,
    seconds,
    rows_per_second: Math.round(rows / seconds),
    peak_rss_mib: peakMib(process.pid),
    peak_rss_before_mib: before,
  }));
  await local.close();
} finally {
  server.kill();
}
