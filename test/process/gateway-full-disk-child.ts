/**
 * Fills a small file system through the ports and prints, as JSON, what they refused and kept.
 *
 *   node gateway-full-disk-child.ts <folder on a small file system>
 *
 * @module
 */

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal } from '#base'
import { openDisk, openStore } from '#gateway'
import { pairs } from './gateway-store-pairs.ts'

const root = process.argv[2]
const ballast = join(root, 'ballast')
writeFileSync(ballast, new Uint8Array(1024 * 1024))
const folder = join(root, 'site')
const disk = openDisk(folder)
const store = await openStore({ file: join(folder, 'site.db'), migrations: pairs.migrations })

/** Does one thing after another until the port refuses; how many were done, and the refusal. */
async function until(
  work: (nth: number) => Promise<unknown>,
): Promise<{ done: number; code: string }> {
  for (let done = 0; done < 100_000; done++) {
    try {
      await work(done)
    } catch (error) {
      return { done, code: error instanceof Refusal ? (error as Refusal).code : String(error) }
    }
  }
  return { done: 100_000, code: 'never refused' }
}

await disk.write('kept', new Uint8Array(100).fill(1))
const stored = await until((id) => store.commit(pairs.insert(id)))
// Whatever the database left free.
const written = await until((nth) => disk.write(`file-${String(nth)}`, new Uint8Array(3000)))
const replaced = await until(() => disk.write('kept', new Uint8Array(50_000).fill(2)))
const keptWhileFull = (await disk.read('kept'))?.length
rmSync(ballast)
await store.commit(pairs.insert(1_000_000))
await disk.write('kept', new Uint8Array(200))
const ids = (await store.read(pairs.ids('right_half'))).map(({ id }) => Number(id))
const keptAfter = (await disk.read('kept'))?.length
const pending = await disk.list('')
await store[Symbol.asyncDispose]()
console.log(JSON.stringify({ stored, written, replaced, keptWhileFull, keptAfter, ids, pending }))
