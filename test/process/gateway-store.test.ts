import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { SeededRandom } from '#base'
import { openStore } from '#gateway'
import { pairs } from './gateway-store-pairs.ts'

const ROUNDS = 20
const writer = join(import.meta.dirname, 'gateway-store-writer.ts')

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'photonward-store-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Starts a writer, kills it with SIGKILL after so many acknowledgements, returns what they were. */
async function writeUntilKilled(file: string, first: number, after: number): Promise<number[]> {
  const child = spawn(process.execPath, [writer, file, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const acknowledged: number[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(Number(line))
    if (acknowledged.length === after) child.kill('SIGKILL')
  }
  if (child.signalCode === null) await new Promise((done) => child.once('exit', done))
  assert.equal(child.signalCode, 'SIGKILL')
  return acknowledged
}

test('no acknowledged commit is lost, and none is halved, however often the daemon is killed', async (t) => {
  const file = join(scratch(t), 'site.db')
  const random = new SeededRandom(20_261_120)
  const acknowledged: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    acknowledged.push(...(await writeUntilKilled(file, round * 1e6, 1 + random.below(300))))
    await using store = await openStore({ file, migrations: pairs.migrations })
    const [left, right, check] = await Promise.all([
      store.read(pairs.ids('left_half')),
      store.read(pairs.ids('right_half')),
      store.read({ sql: 'select count(*) as rows from left_half', parameters: [] }),
    ])
    assert.deepEqual(left, right, 'a commit was halved')
    assert.equal(check[0]['rows'], left.length)
    const kept = new Set(left.map(({ id }) => id))
    const lost = acknowledged.filter((id) => !kept.has(id))
    assert.deepEqual(lost, [], `lost in round ${String(round)}`)
  }
  assert(acknowledged.length > ROUNDS)
})

test('a second daemon on the same folder is refused while the first lives, and not after its death', async (t) => {
  const file = join(scratch(t), 'site.db')
  const child = spawn(process.execPath, [writer, file, '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await new Promise((acknowledged) => child.stdout.once('data', acknowledged))
  await assert.rejects(openStore({ file, migrations: pairs.migrations }), { code: 'SITE_IN_USE' })
  child.stdout.resume()
  const dead = new Promise((done) => child.once('exit', done))
  child.kill('SIGKILL')
  await dead
  await using store = await openStore({ file, migrations: pairs.migrations })
  assert((await store.read(pairs.ids('left_half'))).length > 0)
})
