/**
 * Reads vitest's JSON report for `.ci/run`: `results.mjs REPORT counts` prints "PASSED FAILED", `remarks` the failed tests with what
 * they said and the files that took long. Runs under any Node since 20: it has no part in the tests.
 */
import { readFileSync } from 'node:fs';

const [report = '', what] = process.argv.slice(2);
const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));

const print = (line) => process.stdout.write(`${line}\n`);

const LONG_SECONDS = 15;
/** Of what a failed test said: the assertion, not the whole stack. */
const MESSAGE_CHARS = 600;

const failedIn = ({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed');
// A file that cannot be loaded has no tests to fail: it counts as one.
const failures = testResults.map((file) => Math.max(Number(file.status === 'failed'), failedIn(file).length));

if (what === 'counts') print(`${numPassedTests} ${failures.reduce((a, b) => a + b, 0)}`);
else {
  for (const file of testResults) {
    const name = file.name.replace(`${process.cwd()}/`, '');
    const seconds = Math.round((file.endTime - file.startTime) / 1000);
    if (seconds >= LONG_SECONDS) print(`   ${String(seconds).padStart(4)} s  ${name}`);
    if (file.status === 'failed' && failedIn(file).length === 0) print(`FAIL ${name}: ${file.message.slice(0, MESSAGE_CHARS)}`);
    for (const test of failedIn(file)) print(`FAIL ${name}: ${test.fullName}\n${test.failureMessages.join('\n').slice(0, MESSAGE_CHARS)}`);
  }
}
