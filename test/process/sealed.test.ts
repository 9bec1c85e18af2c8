/**
 * A daemon that starts sealed: what it says, and that only enough good shares open it.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { siteAdmin, type AdminError } from '../support/admin.ts'
import { makeFhirSite, type FhirSite } from '../support/fhir-site.ts'
import { photonward } from '../support/processes.ts'
import { newFolder } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

test('a site whose root key is in shares serves only once enough of them were given', async (t) => {
  const made = await makeFhirSite(t, { clients: { ward: 'write' }, profile: 'demo' })
  const { site } = made
  const { folder, daemon } = site
  const command = (...args: string[]) => photonward(['--site', folder, '--no-input', ...args])
  const into = newFolder(t)

  const shared = await command('root-key', 'share', '--into', into)
  assert.equal(shared.status, 0, shared.stderr)
  const files = readdirSync(into).toSorted()
  assert.equal(files.length, 5)
  const lines = files.map((file) => readFileSync(join(into, file), 'utf8').split('\n')[2])
  const give = (share: number) => command('unseal', '--secret-file', join(into, files[share]))
  const state = () => siteAdmin(folder).call('sealState', {}, null)

  await t.test('it starts sealed and says so to whoever asks', async () => {
    await daemon.start()
    assert.match(daemon.output, /any 3 of 5 shares/)
    await assertSealed(made, 'self-made')
    const status = await command('--json', 'status')
    assert.equal(status.status, 75, 'try again')
    assert.match(status.stderr, /SITE_SEALED_TRY_AGAIN/)
    const view = await state()
    assert.deepEqual([view.state, view.given, view.threshold], ['sealed', [], 3])
  })

  await t.test('two shares do not open it, nor does a wrong one, which is named', async () => {
    assert.equal((await give(0)).status, 0)
    assert.equal((await give(3)).status, 0)
    await assertSealed(made, 'self-made')
    const again = await give(3)
    assert.equal(again.status, 4)
    assert.match(again.stderr, /Share 4 has been given already/)
    const last = lines[1].at(-1) === '0' ? '1' : '0'
    const secret = lines[1].slice(0, -1) + last
    await assert.rejects(siteAdmin(folder).call('unseal', {}, { secret }), {
      code: 'SHARE_INVALID',
    })
    const { state: now, given, refused } = await state()
    assert.deepEqual([now, given, refused], ['sealed', [1, 4], 2])
    assert.match(readFileSync(join(folder, 'log', 'daemon.log'), 'utf8'), /unseal-refused/)
  })

  await t.test('killed meanwhile it has forgotten those that were given', async () => {
    await daemon.kill('SIGKILL')
    await daemon.start()
    assert.deepEqual((await state()).given, [])
    await assertSealed(made, 'self-made')
  })

  await t.test('the third share opens it', async () => {
    for (const share of [4, 1, 2]) {
      const given = await give(share)
      assert.equal(given.status, 0, given.stderr)
    }
    await isOpen(folder)
    assert.equal(await statusOf(made, 'trusted'), 200)
    const entries = await command('--json', 'audit', 'tail')
    assert.match(entries.stdout, /site\.unsealed/)
    for (const line of lines) assert(!daemon.output.includes(line))
  })

  await t.test('the operator seals it again, and it answers as who it is', async () => {
    assert.equal((await command('seal')).status, 0)
    await until('it is sealed', async () => (await state()).state === 'sealed')
    await assertSealed(made, 'trusted')
    assert.equal((await command('stop')).status, 0)
    assert.equal((await daemon.ended()).status, 0)
  })

  await t.test('after a rekey the shares are void, and a passphrase opens it', async () => {
    const all = join(into, 'all')
    const phrase = join(into, 'phrase')
    writeFileSync(all, lines.slice(0, 3).join('\n'))
    writeFileSync(phrase, 'correct horse battery\n')
    const rekey = ['root-key', 'rekey', '--passphrase-file', all, '--new-passphrase-file', phrase]
    const refused = await command(...rekey)
    assert.match(refused.stderr, /--yes/)
    const done = await command('--yes', ...rekey)
    assert.equal(done.status, 0, done.stderr)
    await daemon.start()
    assert.equal((await state()).form, 'passphrase')
    await assert.rejects(siteAdmin(folder).call('unseal', {}, { secret: lines[0] }), {
      code: 'PASSPHRASE_DENIED',
    })
    const opened = await command('unseal', '--secret-file', phrase)
    assert.equal(opened.status, 0, opened.stderr)
    await isOpen(folder)
    assert.equal(await statusOf(made, 'trusted'), 200)
    const verified = await command('audit', 'verify')
    assert.equal(verified.status, 0, verified.stdout)
  })
})

test('a site whose root key lies in its folder is not sealed', async (t) => {
  const { site } = await makeFhirSite(t, { clients: { ward: 'write' }, profile: 'demo' })
  await site.daemon.start()
  await assert.rejects(
    siteAdmin(site.folder).call('seal', {}, null),
    ({ code }: AdminError) => code === 'ROOT_KEY_UNPROTECTED',
  )
  assert.equal((await siteAdmin(site.folder).call('sealState', {}, null)).state, 'open')
})

const isOpen = (folder: string): Promise<true> =>
  until('it is open', async () => {
    const view = await siteAdmin(folder)
      .call('sealState', {}, null)
      .catch(() => undefined)
    return view?.state === 'open'
  })

/** Both interfaces say that they are sealed, and when to come again. */
async function assertSealed(made: FhirSite, whose: 'self-made' | 'trusted'): Promise<void> {
  const fhir = await answerOf(made, `${made.base}/Patient`, whose)
  assert.equal(fhir.status, 503)
  assert.equal(fhir.retryAfter, '30')
  const outcome = JSON.parse(fhir.body) as { resourceType: string; issue: { code: string }[] }
  assert.equal(outcome.resourceType, 'OperationOutcome')
  assert.equal(outcome.issue[0].code, 'transient')
  const keys = `https://localhost:${made.site.northPort}/api/v1/keys/elsewhere/status`
  const kme = await answerOf(made, keys, whose)
  assert.equal(kme.status, 503)
  assert.equal(kme.retryAfter, '30')
}

const statusOf = async (made: FhirSite, whose: 'trusted'): Promise<number> =>
  (await answerOf(made, `${made.base}/metadata`, whose)).status

/** Asks as the ward does; a certificate that nobody vouches for is not believed. */
async function answerOf(made: FhirSite, url: string, whose: 'self-made' | 'trusted') {
  const ask = (rejectUnauthorized: boolean) => {
    const { promise, resolve, reject } = Promise.withResolvers<{
      readonly status: number
      readonly retryAfter: string | undefined
      readonly body: string
    }>()
    const options = { ...made.credentials('ward'), agent: false, rejectUnauthorized }
    const call = request(url, options, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (text: string) => (body += text))
      const { statusCode: status = 0, headers } = answer
      answer.once('end', () => resolve({ status, retryAfter: headers['retry-after'], body }))
    })
    call.once('error', reject)
    call.end()
    return promise
  }
  if (whose === 'trusted') return await ask(true)
  await assert.rejects(ask(true), { code: /SELF_SIGNED|UNABLE_TO_VERIFY|DEPTH_ZERO/ })
  return await ask(false)
}
