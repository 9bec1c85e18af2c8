/**
 * A process that stores pairs of rows until it is killed, and says which were acknowledged.
 *
 *   node gateway-store-writer.ts <database file> <first number>
 *
 * Prints one number a line, once both rows of that number were acknowledged.
 *
 * @module
 */

import { writeSync } from 'node:fs'
import { openStore } from '#gateway'
import { pairs } from './gateway-store-pairs.ts'

const [, , file, first] = process.argv
const store = await openStore({ file, migrations: pairs.migrations })
let next = Number(first)

async function write(): Promise<never> {
  for (;;) {
    const number = next++
    await store.commit(pairs.insert(number))
    // Straight to the pipe: what is printed was acknowledged before the process could be killed.
    writeSync(1, `${number}\n`)
  }
}

await Promise.all(Array.from({ length: 16 }, write))
