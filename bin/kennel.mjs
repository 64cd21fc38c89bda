#!/usr/bin/env node
/**
 * The `kennel` command. Plain JavaScript that any Node since 18 can read: runs the program here when this Node is new
 * enough, else starts itself again under the Node that was installed with the package. Knows no verb and no option.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 24;
const RUNTIME_FAILURE = 3;

if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) {
  const program = programUrl();
  if (program === null) fail('kennel was packed without its build step. Pack it with "npm run pack".');
  else await import(program.href);
} else {
  const node = bundledNode();
  if (node === null) {
    fail(
      `kennel needs Node ${NEEDED_MAJOR} or newer; this is ${process.versions.node}, and no bundled Node is installed for ` +
        `${process.platform}-${process.arch}.\nInstall Node ${NEEDED_MAJOR}, or on Linux x64 or arm64 install kennel again without --omit=optional.`,
    );
  } else {
    runUnder(node);
  }
}

/** A checkout runs the sources; an installed package, which has none, the JavaScript made from them. Null: neither is there. */
function programUrl() {
  const candidates = ['../src/main.ts', '../dist/src/main.js'].map((path) => new URL(path, import.meta.url));
  return candidates.find((url) => existsSync(url)) ?? null;
}

/** Path of the Node binary that the optional dependency for this platform brought along, or null. */
function bundledNode() {
  try {
    return createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return null;
  }
}

/** Starts this file again under another Node, as if it had been called itself: same terminal, signals passed on, same exit code. */
function runUnder(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the whole process group: the child has it already, and a second one would cut its drain short.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => fail(`kennel: cannot run ${node}: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = RUNTIME_FAILURE;
}
