import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SecretBytes, siteId, type SessionSecret, type Uuid } from '#base'
import { OpenedSecret, TakenSecrets } from './session-secrets.ts'

const sessionOf = (index: number): Uuid =>
  `00000000-0000-4000-8000-${index.toString().padStart(12, '0')}` as Uuid

const newSecret = (index: number): SecretBytes => SecretBytes.take(new Uint8Array(32).fill(index))

test('an opened secret serves its uses, and then another session is opened', async () => {
  const opened: SessionSecret[] = []
  const holder = new OpenedSecret(() => {
    opened.push({ session: sessionOf(opened.length), secret: newSecret(1) })
    return Promise.resolve(opened[opened.length - 1])
  }, 3)
  const used: Uuid[] = []
  for (let use = 0; use < 7; use++) used.push((await holder.use()).session)
  const sessions = [0, 0, 0, 1, 1, 1, 2].map(sessionOf)
  assert.deepEqual(used, sessions)
  assert.throws(() => opened[1].secret.reveal(), /disposal/, 'what is left behind is cleared')
  assert.doesNotThrow(() => opened[2].secret.reveal())
  holder[Symbol.dispose]()
  assert.throws(() => opened[2].secret.reveal(), /disposal/)
  assert.equal((await holder.use()).session, sessionOf(3), 'a secret that was dropped is replaced')
})

test('a session that could not be opened counts for nothing', async () => {
  let fails = true
  const secret = newSecret(1)
  const holder = new OpenedSecret(
    () =>
      fails
        ? Promise.reject(new Error('unreachable'))
        : Promise.resolve({ session: sessionOf(0), secret }),
    1,
  )
  await assert.rejects(holder.use(), /unreachable/)
  fails = false
  assert.equal((await holder.use()).secret, secret)
})

test('of each peer the newest taken secrets are kept, and the others cleared', () => {
  const bristol = siteId('bristol')
  const cambridge = siteId('cambridge')
  const secrets = new Map([0, 1, 2, 3].map((index) => [sessionOf(index), newSecret(index)]))
  const taken: string[] = []
  const holder = new TakenSecrets((peer, session) => {
    taken.push(`${peer} ${session}`)
    return secrets.get(session)
  }, 2)
  assert.equal(holder.of(bristol, sessionOf(0)), secrets.get(sessionOf(0)))
  assert.equal(holder.of(bristol, sessionOf(0)), secrets.get(sessionOf(0)))
  assert.equal(taken.length, 1, 'a session is taken once')
  assert.equal(holder.of(bristol, sessionOf(9)), undefined)
  assert.equal(holder.of(cambridge, sessionOf(3)), secrets.get(sessionOf(3)))
  holder.of(bristol, sessionOf(1))
  holder.of(bristol, sessionOf(2))
  assert.throws(() => secrets.get(sessionOf(0))?.reveal(), /disposal/)
  assert.doesNotThrow(() => secrets.get(sessionOf(3))?.reveal(), 'those of another peer stay')
  holder[Symbol.dispose]()
  for (const secret of secrets.values()) assert.throws(() => secret.reveal(), /disposal/)
})
