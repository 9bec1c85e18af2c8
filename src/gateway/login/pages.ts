/**
 * The pages on which people sign in and grant: made here, with one script, for passkeys alone.
 *
 * Nothing of a patient stands in an address, and nothing is kept by a browser. What apps and people
 * have written is escaped wherever it stands.
 *
 * @module
 */

import type { PatientChoice } from '#site'
import { html, type Html } from './html.ts'
import type { ProviderButton } from './outside.ts'

/** What every form needs. */
export interface Form {
  /** Where it is sent. */
  readonly action: string
  /** What it brings back, so that no page of another origin can send it. */
  readonly token: string
  /** The app, as its operator named it. */
  readonly app: string
  /** What went wrong the last time. */
  readonly alert?: string | undefined
  /** What went well. */
  readonly done?: string | undefined
}

/** What a page offers besides name, password and code. */
export interface SignInMeans {
  /** What a browser is asked for where there are passkeys. */
  readonly passkey: object | undefined
  /** Providers outside. */
  readonly outside: readonly ProviderButton[] | undefined
}

/** Name, password and code; or another provider. */
export const signInPage = (form: Form, login: string, { passkey, outside = [] }: SignInMeans) =>
  page(
    'Sign in',
    html`<p>to go on to <strong>${form.app}</strong></p>
      ${alertOf(form)}
      ${formOf(
        form,
        html`<label for="login">Name</label>
          <input
            id="login"
            name="login"
            value="${login}"
            required
            maxlength="64"
            autocomplete="username"
            autocapitalize="none"
            spellcheck="false"
          />
          <label for="password">Password</label>
          <input
            id="password"
            name="password"
            type="password"
            required
            maxlength="256"
            autocomplete="current-password"
          />
          <label for="code">Code of your authenticator app</label>
          <input
            id="code"
            name="code"
            inputmode="numeric"
            maxlength="16"
            autocomplete="one-time-code"
            aria-describedby="code-hint"
          />
          <p class="hint" id="code-hint">Leave it empty if you have none.</p>
          ${button('sign-in', 'Sign in')}
          ${passkeyFields('Sign in with a passkey instead of a code', passkey)}`,
      )}
      ${outside.map(({ name, title }) =>
        formOf(form, button(`outside ${name}`, `Sign in with ${title}`, 'quiet')),
      )}
      ${formOf(form, button('deny', 'Go back to the app', 'quiet'))}`,
  )

/** The second factor of this site, of somebody for whom a provider outside vouches. */
export const factorPage = (form: Form, passkey: object | undefined): string =>
  page(
    'Your second factor',
    html`<p>to go on to <strong>${form.app}</strong></p>
      ${alertOf(form)}
      ${formOf(
        form,
        html`<label for="code">Code of your authenticator app for this site</label>
          <input
            id="code"
            name="code"
            inputmode="numeric"
            maxlength="16"
            autocomplete="one-time-code"
          />
          ${button('show-factor', 'Go on')}
          ${passkeyFields('Show a passkey instead of a code', passkey)}`,
      )}
      ${formOf(form, button('deny', 'Go back to the app', 'quiet'))}`,
  )

/** Which patient an app is opened for. */
export const patientPage = (
  form: Form,
  choices: readonly PatientChoice[],
  asked: { readonly text: string; readonly maySearch: boolean },
): string =>
  page(
    'Choose a patient',
    html`<p><strong>${form.app}</strong> opens one record.</p>
      ${alertOf(form)} ${asked.maySearch ? formOf(form, searchFields(asked.text)) : html``}
      ${choices.length === 0 && asked.text !== '' ? html`<p role="status">Nobody found.</p>` : html``}
      <ul>
        ${choices.map((one) => html`<li>${formOf(form, choiceFields(one))}</li>`)}
      </ul>
      ${formOf(form, button('deny', 'Go back to the app', 'quiet'))}`,
  )

/** What somebody is asked to grant. */
export const consentPage = (
  form: Form,
  asked: {
    readonly person: string
    readonly patient: PatientChoice | undefined
    readonly lines: readonly string[]
    readonly host: string
    /** What a browser is asked for to make a passkey; undefined for whoever may not now. */
    readonly passkey: object | undefined
  },
): string =>
  page(
    `Let ${form.app} in?`,
    html`<p>You are signed in as <strong>${asked.person}</strong>. The app would</p>
      ${alertOf(form)}
      <ul class="scopes">
        ${asked.lines.map((line) => html`<li>${line}</li>`)}
      </ul>
      ${asked.patient === undefined ? html`` : patientLine(asked.patient)}
      <p class="hint">It sees no more than you may see yourself. You go back to ${asked.host}.</p>
      ${formOf(
        form,
        html`<input type="hidden" name="patient" value="${asked.patient?.patient ?? ''}" />
          ${button('allow', 'Allow')}`,
      )}
      ${formOf(form, button('deny', 'Do not allow', 'quiet'))}
      ${asked.passkey === undefined ? html`` : addPasskey(form, asked.passkey, asked.patient)}`,
  )

const addPasskey = (form: Form, passkey: object, patient: PatientChoice | undefined): Html =>
  formOf(
    form,
    html`<input type="hidden" name="patient" value="${patient?.patient ?? ''}" />
      <button name="act" value="add-passkey" hidden>Keep the passkey</button>
      ${passkeyFields('Add a passkey of this device', passkey, true)}`,
  )

/** Hidden until the script has found that the browser knows passkeys. */
const passkeyFields = (text: string, options: object | undefined, make = false): Html =>
  options === undefined
    ? html``
    : html`<input type="hidden" name="passkey" value="" />
        <button
          type="button"
          class="quiet"
          hidden
          data-passkey="${JSON.stringify({ options, make })}"
        >
          ${text}
        </button>
        <p role="status" data-says></p>`

/** Why it does not go on. */
export const errorPage = (error: string, description = ''): string =>
  page(
    'This does not go on',
    html`<p role="alert">${description === '' ? error : description}</p>
      <p>Go back to the app and begin again.</p>
      <p class="hint">${error}</p>`,
  )

/** The style sheet of all pages. */
export const STYLE = `:root{color-scheme:light dark;--ink:#1b1f24;--paper:#f6f7f9;--card:#fff;--line:#8a94a3;
--act:#0b5cad;--on-act:#fff;--bad:#a4161a;--soft:#4d5866}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebef;--paper:#12161b;--card:#1b2128;--line:#76818f;
--act:#7ab8ff;--on-act:#0b1016;--bad:#ff9b9b;--soft:#aeb8c4}}
*{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
main{max-width:26rem;margin:8vh auto;padding:1.5rem;background:var(--card);border:1px solid var(--line);border-radius:.5rem}
h1{font-size:1.4rem;margin:0 0 .5rem}label{display:block;margin-top:.75rem;font-weight:600}
input{width:100%;font:inherit;padding:.5rem;margin-top:.25rem;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:.25rem}
button{font:inherit;width:100%;margin-top:1rem;padding:.6rem;border:1px solid var(--act);border-radius:.25rem;background:var(--act);color:var(--on-act);cursor:pointer}
button.quiet{background:transparent;color:var(--act)}:focus-visible{outline:3px solid var(--act);outline-offset:2px}
.hint{color:var(--soft);font-size:.875rem}[role=alert]{color:var(--bad);font-weight:600}
ul{padding:0;list-style:none}ul.scopes{padding-left:1.2rem;list-style:disc}footer{margin-top:1.5rem;font-size:.8rem;color:var(--soft)}
`

const searchFields = (text: string): Html =>
  html`<label for="text">Name of the patient</label>
    <input id="text" name="text" value="${text}" required maxlength="128" autocomplete="off" />
    ${button('find', 'Find')}`

const choiceFields = ({ patient, name, birthDate }: PatientChoice): Html =>
  html`<input type="hidden" name="patient" value="${patient}" />
    ${button('choose', `${name === '' ? 'Without a name' : name}, born ${birthDate || 'on a day not known'}`, 'quiet')}`

const patientLine = ({ name, birthDate }: PatientChoice): Html =>
  html`<p>for the patient <strong>${name}</strong>, born ${birthDate || 'on a day not known'}.</p>`

const alertOf = ({ alert, done }: Form): Html =>
  html`${alert === undefined ? html`` : html`<p role="alert">${alert}</p>`}
  ${done === undefined ? html`` : html`<p role="status">${done}</p>`}`

const formOf = ({ action, token }: Form, fields: Html): Html =>
  html`<form method="post" action="${action}">
    <input type="hidden" name="form" value="${token}" />${fields}
  </form>`

const button = (act: string, text: string, look = 'act'): Html =>
  html`<button name="act" value="${act}" class="${look}">${text}</button>`

const page = (title: string, body: Html): string =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <title>${title} · PhotonWard</title>
        <link rel="stylesheet" href="/auth/style.css" />
        <script src="/auth/passkey.js" defer></script>
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          ${body}
          <footer>PhotonWard</footer>
        </main>
      </body>
    </html> `.text
