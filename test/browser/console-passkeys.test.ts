/**
 * Passkeys at the console, in Debian's chromium with its virtual authenticator: made by somebody who
 * has just shown another factor, good instead of a code to sign in and to show it anew, and taken
 * away again. Roles are agreed to with one.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePorts } from '#cli'
import { totpCode } from '#access'
import { makeFhirSite } from '../support/fhir-site.ts'
import { secretOf } from '../support/totp.ts'
import { countFrom, newAuthenticator } from './authenticator.ts'
import { expectAccessible, needsChromium, newBrowser, watchPage } from './browser.ts'

const PASSWORD = 'correct horse battery'

test('a passkey does instead of a code at the console', { skip: needsChromium }, async (t) => {
  const { site } = await makeFhirSite(t, { clients: { 'bristol.ward': 'write' } })
  const [port] = await freePorts(1)
  site.configure((value) => (value['consoleListener'] = { host: '127.0.0.1', port }))
  await site.daemon.start()
  const { admin } = site
  const origin = `http://localhost:${String(port)}`
  const change = (add: string) => ({ add: [add], remove: [], clear: [], unclear: [] })
  const add = async (login: string, role: string) => {
    const { person } = await admin.call('addPerson', {}, { kind: 'person', login, name: login })
    await admin.call('setPassword', { person }, { password: PASSWORD })
    await admin.call('changeRoles', { person }, change(role))
    return person
  }
  const ada = await add('ada', 'user-administrator')
  const bob = await add('bob', 'nurse')
  const context = await newBrowser(t)
  const page = await context.newPage()
  const complaints = watchPage(page, origin)
  const cdp = await context.newCDPSession(page)
  const authenticator = await newAuthenticator(cdp)
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  const signIn = async (login: string, how: () => Promise<void>) => {
    await page.goto(`${origin}/login`)
    await page.getByLabel('Login name').fill(login)
    await page.getByLabel(/^Password/).fill(PASSWORD)
    await how()
  }
  const withPasskey = () => button('Sign in with a passkey instead of a code').click()
  const isIn = () => page.getByRole('button', { name: 'Log out' }).waitFor()
  const { uri } = await admin.call('addTotp', { person: ada }, null)
  let step = Math.floor(Date.now() / 30_000) - 1
  const code = () => totpCode(secretOf(uri), step++)

  await t.test('it is made by whoever has shown another factor just now', async () => {
    await signIn('ada', async () => {
      await expectAccessible(page)
      await page.getByLabel(/authenticator/).fill(code())
      await button('Sign in').click()
    })
    await page.getByRole('link', { name: 'ada', exact: true }).first().click()
    await button('Add a passkey of this device').click()
    await page.getByText('The passkey is kept').waitFor()
    await page.getByRole('cell', { name: 'Passkey' }).waitFor()
    await page.getByRole('cell', { name: 'localhost' }).waitFor()
    await expectAccessible(page)
  })

  await t.test('it signs in, until it is a copy or is nobody’s', async () => {
    await button('Log out').click()
    await signIn('ada', withPasskey)
    await isIn()
    const session = await page.evaluate<{ secondFactorAt: number | null }>(
      "fetch('/api/v1/session', { headers: { 'x-photonward': 'use' } }).then((one) => one.json())",
    )
    assert(session.secondFactorAt !== null)
    await button('Log out').click()
    await signIn('bob', withPasskey)
    await page.getByText('Name, password or code are not right').waitFor()
    // As somebody had copied it before it was last used.
    await countFrom(cdp, authenticator, 0)
    await signIn('ada', withPasskey)
    await page.getByText('Name, password or code are not right').waitFor()
    await countFrom(cdp, authenticator, 1000)
    await cdp.send('WebAuthn.setUserVerified', {
      authenticatorId: authenticator,
      isUserVerified: false,
    })
    await signIn('ada', withPasskey)
    await page.getByText('No passkey was shown').waitFor()
    await cdp.send('WebAuthn.setUserVerified', {
      authenticatorId: authenticator,
      isUserVerified: true,
    })
  })

  await t.test('a role of another person is agreed to with it', async () => {
    await admin.call('changeRoles', { person: bob }, change('privacy-officer'))
    await signIn('ada', withPasskey)
    await isIn()
    await page.getByRole('link', { name: 'People' }).click()
    await button('Agree').click()
    await page.getByText('No change waits').waitFor()
    const { person } = await admin.call('person', { person: bob }, null)
    assert.deepEqual(person.roles, ['nurse', 'privacy-officer'])
  })

  await t.test('at a bare address there are none, and the page says where', async () => {
    const bare = await context.newPage()
    await bare.goto(`http://127.0.0.1:${String(port)}/login`)
    await bare.getByText('A passkey needs this page under a name:').waitFor()
    assert.equal(await bare.getByRole('button', { name: /passkey/ }).count(), 0)
    await expectAccessible(bare)
    await bare.close()
  })

  await t.test('its owner takes it away, and it is worth nothing', async () => {
    await page.getByRole('link', { name: 'ada', exact: true }).first().click()
    await button('Take away').click()
    await page.getByRole('cell', { name: 'Passkey' }).waitFor({ state: 'detached' })
    await button('Log out').click()
    await signIn('ada', withPasskey)
    await page.getByText('Name, password or code are not right').waitFor()
  })
  assert.deepEqual(complaints, [])
})
