import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryStore } from '#world/ports'
import { newPeople, PASSWORD, staff, withTotp } from './fixture.test.ts'
import { delayMs } from './throttle.ts'

const SOURCE = '192.0.2.1'
const DENIED = { code: 'ACCESS_SIGN_IN_DENIED', message: 'Name, password or code are not right' }

async function ada() {
  const site = await newPeople()
  const { id } = await staff(site, 'ada')
  await site.people.setPassword(id, PASSWORD, id)
  const attempt = (password: string, code = '', login = 'ada', source = SOURCE) =>
    site.signIn.withPassword({ login, password, code, source })
  return { site, id, attempt }
}

test('a right password lets in, and nothing else does', async () => {
  const { site, id, attempt } = await ada()
  const signedIn = await attempt(PASSWORD)
  assert.deepEqual([signedIn.person.id, signedIn.secondFactorAt], [id, undefined])
  await assert.rejects(attempt(`${PASSWORD} `), DENIED)
  await assert.rejects(attempt(''), DENIED)
  await assert.rejects(attempt(PASSWORD, '', 'nobody'), DENIED)
  await site.people.setState(id, 'suspended', 'operator')
  await assert.rejects(attempt(PASSWORD), DENIED)
  const kinds = await site.kinds()
  assert.equal(kinds.filter((kind) => kind === 'people.sign-in-denied').length, 4)
  assert.equal(kinds.filter((kind) => kind === 'people.signed-in').length, 1)
})

test('whoever has an app needs its code from the first that was right, each once', async () => {
  const { site, id, attempt } = await ada()
  const codeAt = await withTotp(site, id)
  await attempt(PASSWORD)
  await assert.rejects(
    attempt(PASSWORD, '000000', 'ada', '192.0.2.7'),
    DENIED,
    'what is shown must be right',
  )
  const code = codeAt(site.clock.now())
  const signedIn = await attempt(PASSWORD, code)
  assert.equal(signedIn.secondFactorAt, site.clock.now())
  await assert.rejects(attempt(PASSWORD), DENIED)
  await assert.rejects(attempt(PASSWORD, code), DENIED, 'a code is good once')
  await site.time.advance(30_000)
  await assert.rejects(attempt('a wrong password', codeAt(site.clock.now())), DENIED)
  await attempt(PASSWORD, codeAt(site.clock.now()))
  await site.time.advance(30_000)
  const again = { code: codeAt(site.clock.now()), source: SOURCE }
  assert.equal((await site.signIn.again(id, again)).secondFactorAt, site.clock.now())
  await assert.rejects(site.signIn.again(id, again), DENIED)
})

test('two at once cannot use one code', async () => {
  const { site, id, attempt } = await ada()
  const codeAt = await withTotp(site, id)
  await attempt(PASSWORD, codeAt(site.clock.now()))
  await site.time.advance(30_000)
  const code = codeAt(site.clock.now())
  const both = await Promise.allSettled([attempt(PASSWORD, code), attempt(PASSWORD, code)])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
})

test('failures make the account wait longer, and never for more than five minutes', async () => {
  const { site, attempt } = await ada()
  const late = { code: 'ACCESS_SIGN_IN_TRY_AGAIN' }
  for (let count = 0; count < 4; count++) {
    await assert.rejects(attempt('wrong', '', 'ada', `192.0.2.${count}`), DENIED)
  }
  await assert.rejects(attempt(PASSWORD, '', 'ada', '192.0.2.9'), late)
  await site.time.advance(1000)
  await attempt(PASSWORD, '', 'ada', '192.0.2.9')
  assert.deepEqual([3, 4, 5, 6, 12, 13, 99].map(delayMs), [
    ...[0, 1000, 2000, 4000, 256_000, 300_000, 300_000],
  ])
})

test('whoever has failed waits over a restart as well, and starts anew after a good end', async () => {
  const { site, attempt } = await ada()
  for (let count = 0; count < 6; count++) {
    const source = `192.0.2.${count}`
    await assert.rejects(attempt('wrong', '', 'ada', source), DENIED)
    if (count >= 3) await site.time.advance(delayMs(count + 1))
  }
  await assert.rejects(attempt('wrong', '', 'ada', '192.0.2.8'), DENIED)
  const restarted = site.newSignIn()
  const again = (password: string) =>
    restarted.withPassword({ login: 'ada', password, source: '192.0.2.9' })
  await assert.rejects(again(PASSWORD), { code: 'ACCESS_SIGN_IN_TRY_AGAIN' })
  await site.time.advance(delayMs(7))
  await again(PASSWORD)
  const fresh = site.newSignIn()
  for (let count = 0; count < 3; count++) {
    const failing = fresh.withPassword({ login: 'ada', password: 'x', source: `192.0.2.${count}` })
    await assert.rejects(failing, DENIED)
  }
})

test('a source that tries many names has to wait as well', async () => {
  const { site, attempt } = await ada()
  for (const name of ['a', 'b', 'c', 'd']) await assert.rejects(attempt('x', '', name), DENIED)
  await assert.rejects(attempt(PASSWORD), { code: 'ACCESS_SIGN_IN_TRY_AGAIN' })
  await attempt(PASSWORD, '', 'ada', '192.0.2.2')
  await site.time.advance(1000)
  await attempt(PASSWORD)
})

test('nobody is let in where the log cannot be written', async () => {
  const { site, attempt } = await ada()
  assert(site.store instanceof MemoryStore)
  await site.store.commit([{ sql: 'DROP TABLE audit_entry', parameters: [] }])
  await assert.rejects(attempt(PASSWORD), { code: 'STORE_FAILED' })
})

test('passwords that are short, long, plain or hold the name are refused', async () => {
  const { site, id } = await ada()
  for (const [password, isGood] of [
    ['elevenchars', false],
    ['twelve chars', true],
    ['a'.repeat(257), false],
    ['aaaaaaaaaaaaaaa', false],
    ['my name is ADA!', false],
  ] as const) {
    const setting = site.people.setPassword(id, password, id)
    if (isGood) await setting
    else await assert.rejects(setting, { code: 'ACCESS_PASSWORD_INVALID' }, password)
  }
})
