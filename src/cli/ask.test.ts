import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { confirmByName, confirmRequest, terminalFor, type Terminal } from './ask.ts'
import { askSite } from './commands/ask-site.ts'

/** A terminal at which each answer is typed once its question stands there. */
function typing(...answers: readonly (readonly [RegExp, string])[]): Terminal {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const left = [...answers]
  let shown = ''
  output.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
    if (left.length === 0 || !left[0][0].test(shown)) return
    shown = ''
    const [, answer] = left.splice(0, 1)[0]
    setImmediate(() => input.write(answer))
  })
  return Object.assign({ input, output }, { isTTY: true })
}

const ENTER = '\r'
const DOWN = '\x1b[B'

test('init asks for name, ports, profile and passphrase, and takes what stands in the line', async () => {
  const terminal = typing(
    [/Name of the site/, `bristol${ENTER}`],
    [/other sites reach/, ENTER],
    [/applications ask/, ENTER],
    [/What is it for/, `${DOWN}${ENTER}`],
    [/Passphrase/, `long night${ENTER}`],
    [/once more/, `long night${ENTER}`],
  )
  const site = await askSite(terminal, { peerPort: '9400', northPort: '9443' })
  assert.deepEqual(
    { ...site, passphrase: new TextDecoder().decode(site.passphrase) },
    {
      ...{ name: 'bristol', peerPort: '9400', northPort: '9443', demo: true },
      passphrase: 'long night',
    },
  )
})

test('what cannot be undone wants its name typed, or --yes', async () => {
  const what = { what: 'This revokes the sae certificate of x', name: 'x' }
  await confirmByName({ yes: true }, what, undefined)
  await confirmByName({}, what, typing([/Type x to go on/, `x${ENTER}`]))
  await assert.rejects(confirmByName({}, what, undefined), { code: 'CONFIRMATION_NEEDED' })
  const wrong = typing([/Type x to go on/, `y${ENTER}`], [/Type x, or Ctrl-C/, '\x03'])
  await assert.rejects(confirmByName({}, what, wrong), { code: 'INTERRUPTED' })
})

test('a request is granted once its fingerprint was seen and its site named, or with --yes', async () => {
  const asked = { site: 'bristol', fingerprint: 'ab'.repeat(32) }
  await confirmRequest({ yes: true }, asked, undefined)
  await confirmRequest({}, asked, typing([/Type bristol if/, `bristol${ENTER}`]))
  await assert.rejects(confirmRequest({}, asked, undefined), { code: 'CONFIRMATION_NEEDED' })
  const wrong = typing([/Type bristol if/, `b${ENTER}`], [/Type bristol, or/, '\x03'])
  await assert.rejects(confirmRequest({}, asked, wrong), { code: 'INTERRUPTED' })
})

test('nobody is asked with --no-input or --json', () => {
  assert.equal(terminalFor({ input: false }), undefined)
  assert.equal(terminalFor({ json: true }), undefined)
})
