/**
 * A PostgreSQL of one's own, for tests and benchmarks of what runs over one.
 *
 * A cluster in a temporary folder, reached over a socket file in it, owned by an account that is
 * not root. It ends with whoever started it, however that ends: its watcher waits for the end of a
 * pipe.
 *
 * It syncs as a cluster in use does. Where the machine has no PostgreSQL there is none.
 *
 * @module
 */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where a database of the cluster is reached. */
export interface PostgresPlace {
  /** Folder of the socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/** Why there can be no cluster on this machine, for tests that are skipped; false if there can. */
export const withoutPostgres = (): string | false =>
  binaries() === undefined ? 'PostgreSQL is not installed' : false

/** Owns the processes and the folder of a cluster. */
export class PostgresCluster implements AsyncDisposable {
  readonly folder: string
  readonly #programs: string
  readonly #owner: Owner
  #watcher: ChildProcess | undefined
  #databases = 0

  private constructor(folder: string, programs: string, owner: Owner) {
    this.folder = folder
    this.#programs = programs
    this.#owner = owner
  }

  /** Makes a cluster and starts it. @throws Error if the machine has no PostgreSQL */
  static async start(): Promise<PostgresCluster> {
    const programs = binaries()
    if (programs === undefined) throw new Error('PostgreSQL is not installed')
    const owner = ownerOf()
    const folder = mkdtempSync(join(tmpdir(), 'photonward-postgres-'))
    if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid ?? owner.uid)
    const cluster = new PostgresCluster(folder, programs, owner)
    const about = ['-D', join(folder, 'data'), '-U', USER, '-A', 'trust', '-E', 'UTF8', '--no-sync']
    cluster.#run('initdb', [...about, '--locale=C.UTF-8'])
    await cluster.resume()
    return cluster
  }

  /** A new, empty database. */
  database(): PostgresPlace {
    const database = `site_${String(this.#databases++)}`
    this.query('postgres', `create database ${database}`)
    return { host: this.folder, port: PORT, database, user: USER }
  }

  /** What `psql` prints for a statement: rows as lines, columns separated by `|`. */
  query(database: string, sql: string): string {
    const where = ['-h', this.folder, '-p', String(PORT), '-U', USER, '-d', database]
    return this.#run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...where, '-c', sql])
  }

  /** Starts the processes of the cluster again. */
  async resume(): Promise<void> {
    const server = join(this.#programs, 'postgres')
    const settings = ['listen_addresses=', 'fsync=on', 'max_connections=40'].flatMap((one) => [
      '-c',
      one,
    ])
    const about = ['-D', join(this.folder, 'data'), '-k', this.folder, '-p', String(PORT)]
    const watcher = spawn('/bin/sh', ['-c', WATCH, server, ...about, ...settings], {
      ...this.#owner,
      cwd: this.folder,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#watcher = watcher
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (this.#ready()) return
      await new Promise((resume) => setTimeout(resume, 50))
    }
    await this.stop()
    throw new Error('PostgreSQL did not start')
  }

  /** Ends the processes: connections are cut, what was committed stays. */
  async stop(): Promise<void> {
    const watcher = this.#watcher
    if (watcher === undefined) return
    this.#watcher = undefined
    const ended = new Promise((resume) => watcher.once('exit', resume))
    watcher.stdin?.end()
    await ended
  }

  /** Kills every process that serves, as a power cut does; `resume` recovers from the log. */
  async crash(): Promise<void> {
    const [pid] = readFileSync(join(this.folder, 'data', 'postmaster.pid'), 'utf8').split('\n')
    process.kill(Number(pid), 'SIGQUIT')
    await this.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Not in good order: that would write every database to the disk before it is removed.
    if (this.#watcher !== undefined) await this.crash()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #ready(): boolean {
    const { status } = spawnSync(join(this.#programs, 'pg_isready'), [
      ...['-q', '-h', this.folder, '-p', String(PORT)],
    ])
    return status === 0
  }

  #run(program: string, parameters: readonly string[]): string {
    const run = spawnSync(join(this.#programs, program), parameters, {
      ...this.#owner,
      cwd: this.folder,
      encoding: 'utf8',
    })
    if (run.status === 0) return run.stdout.trim()
    throw new Error(`${program} failed: ${run.stderr.trim()}`)
  }
}

interface Owner {
  readonly uid?: number
  readonly gid?: number
}

/** PostgreSQL refuses to run as root: then it runs as the account that its package made. */
function ownerOf(): Owner {
  if (process.getuid?.() !== 0) return {}
  const line = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  if (line === null) throw new Error('Expected an account named postgres')
  return { uid: Number(line[1]), gid: Number(line[2]) }
}

/** The folder of the newest server programs. */
function binaries(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : []
  const newest = versions.toSorted((a, b) => Number(b) - Number(a)).map((one) => join(DEBIAN, one))
  return newest.map((one) => join(one, 'bin')).find((one) => existsSync(join(one, 'initdb')))
}

/** Starts what it is given, and ends it when its standard input ends. */
const WATCH = '"$0" "$@" & server=$!; cat >/dev/null; kill -INT $server 2>/dev/null; wait $server'
const DEBIAN = '/usr/lib/postgresql'
const USER = 'photonward'
/** Part of the name of the socket file; nothing listens on the network. */
const PORT = 5432
const ATTEMPTS_MAX = 400
