import assert from 'node:assert/strict'
import { test } from 'node:test'
import { html } from './html.ts'
import { consentPage, errorPage } from './pages.ts'
import { scopeLines } from './scope-words.ts'

const HOSTILE = `</p><script>alert("1")</script>'&`

test('what is put into a page cannot break out of it, in text or in an attribute', () => {
  const inner = html`<b>${HOSTILE}</b>`
  const escaped = '&lt;/p&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;'
  assert.equal(
    html`<p title="${HOSTILE}">${inner}</p>`.text,
    `<p title="${escaped}"><b>${escaped}</b></p>`,
  )
  assert.doesNotMatch(errorPage(HOSTILE, HOSTILE), /<script>/)
})

test('names of apps, people and patients are text on the page that asks', () => {
  const form = { action: '/auth/sign-in/u', token: 't', app: HOSTILE }
  const patient = { patient: '1', name: HOSTILE, birthDate: HOSTILE }
  const said = { person: HOSTILE, lines: [HOSTILE], host: HOSTILE }
  const page = consentPage(form, { ...said, patient, passkey: { name: HOSTILE } })
  assert.doesNotMatch(page, /<script>/)
  assert.match(page, /alert\(&quot;1&quot;\)/)
})

test('scopes are told in words, each act for itself', () => {
  const scope = { level: 'patient', type: 'Observation' } as const
  const category = { system: '', code: 'laboratory' }
  const lines = scopeLines({
    words: ['openid', 'launch', 'offline_access'],
    scopes: [
      { ...scope, permissions: ['r', 's'], category },
      { level: 'user', type: '*', permissions: ['c', 'r', 'd'] },
    ],
  })
  assert.deepEqual(lines, [
    'read what is recorded as Observation of the category laboratory of this patient',
    'read, add and delete everything that you may reach yourself',
    'know who you are',
    'go on for two weeks while you are away',
  ])
})
