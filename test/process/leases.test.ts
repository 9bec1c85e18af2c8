/**
 * Processes that share the links of two sites over PostgreSQL, killed and stopped while keys are made
 * and fetched.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { PostgresCluster, withoutPostgres } from '#world/ports'
import { newFolder } from '../support/two-sites.ts'
import { until } from '../support/until.ts'
import type { Task } from './leases-child.ts'

const skip = withoutPostgres()
const KILLS = 2

/** One process, and what it told of the keys it gave out. */
class Serving {
  readonly process: ChildProcess
  readonly made: string[] = []
  readonly fetched: string[] = []
  readonly ended: Promise<unknown>
  errors = ''

  constructor(task: Task) {
    const program = join(import.meta.dirname, 'leases-child.ts')
    const child = spawn(process.execPath, [program, JSON.stringify(task)], { stdio: 'pipe' })
    this.process = child
    this.ended = new Promise((resume) => child.once('close', resume))
    let rest = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const [what, ...key] = line.split(' ')
        const list = what === 'made' ? this.made : this.fetched
        list.push(key.join(' '))
      }
    })
  }

  /** Waits until it has fetched so many keys more. */
  async serves(more = 250): Promise<void> {
    const before = this.fetched.length
    await until(`keys are served; ${this.errors}`, () => this.fetched.length > before + more)
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.process.kill(signal)
    if (signal === 'SIGKILL') await this.ended
  }
}

test(
  'keys of links that processes share are given out once, whoever is killed',
  { skip, timeout: 240_000 },
  async (t) => {
    const folder = newFolder(t)
    await using cluster = await PostgresCluster.start()
    const places = [cluster.database(), cluster.database()] as const
    const all: Serving[] = []
    const start = (link: string): Serving => {
      const serving = new Serving({ places, folder, link })
      t.after(() => serving.kill('SIGKILL'))
      all.push(serving)
      return serving
    }
    const steady = start('south')
    let killed = start('north')
    await Promise.all([steady.serves(), killed.serves()])
    for (let round = 0; round < KILLS; round++) {
      await killed.kill('SIGKILL')
      killed = start('north')
      await Promise.all([steady.serves(), killed.serves()])
    }

    await t.test(
      'a process that stood still and lost its link gives out nothing more',
      async () => {
        await killed.kill('SIGSTOP')
        const heir = start('north')
        await heir.serves()
        await killed.kill('SIGCONT')
        await killed.ended
        assert.match(killed.errors, /lease|KEYSTORE_|STORE_FAILED/)
        await heir.serves()
      },
    )
    for (const one of all) await one.kill('SIGKILL')

    await t.test('no key was made or fetched twice, and those fetched are those made', () => {
      const made = all.flatMap((one) => one.made)
      const fetched = all.flatMap((one) => one.fetched)
      const octets = (keys: readonly string[]) => new Set(keys.map((key) => key.split(' ')[1]))
      assert.equal(octets(made).size, made.length)
      assert.equal(octets(fetched).size, fetched.length)
      assert.equal(octets(fetched).difference(octets(made)).size, 0)
      t.diagnostic(`${made.length} keys made, ${fetched.length} fetched`)
    })
  },
)
