/** How the programs of these tests talk with the test: lines of JSON out, words in. */
import { webcrypto } from 'node:crypto'
import { createInterface } from 'node:readline'

// Node 18, which Debian 12 brings, has what browsers have, but not under its name.
globalThis.crypto ??= webcrypto

// WatermelonDB tells of its doings on the standard output, which is ours.
console.log = console.error

const words = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** @type {{origin: string, device: string, credential: string, plan: object[]}} */
export const order = JSON.parse(process.argv[2])

export function say(step, found = {}) {
  process.stdout.write(JSON.stringify({ step, ...found }) + '\n')
}

export async function hear() {
  return (await words.next()).value
}
