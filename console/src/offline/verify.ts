/**
 * The page that verifies proofs without any server, opened from a disk.
 *
 * Writes texts only, never markup: what a proof says may be anything.
 *
 * @module
 */

import { checkProof, type ProofCheck } from '#contract/proof'
import { browserPowers } from '../proof-powers.ts'
import { verdictOf } from '../proof-verdict.ts'
import { proofTexts } from '../texts-proofs.ts'

const words = proofTexts.offline
const proof = proofTexts.proof

function page(root: HTMLElement): void {
  const file = field('input', { type: 'file', accept: '.json,application/json' })
  const trust = field('textarea', { rows: 3, spellcheck: false })
  const least = field('input', { type: 'number', min: '0', max: '64', value: '1' })
  const button = field('button', { type: 'button', textContent: words.verify })
  const result = document.createElement('section')
  result.setAttribute('aria-live', 'polite')
  const verify = async (): Promise<void> => {
    const chosen = file.files?.item(0) ?? null
    if (chosen === null) return
    // A file that is gone or was changed since it was chosen cannot be read: it is no proof.
    const text = await chosen.text().catch(() => '')
    const keys = trust.value.split('\n').map((line) => line.trim())
    const known = keys.filter((line) => line !== '')
    const check = await checkProof(text, browserPowers, {
      witnessesLeast: Number(least.value),
      ...(known.length > 0 && { keys: known }),
    })
    result.replaceChildren(...toldOf(check))
  }
  button.addEventListener('click', () => void verify())
  file.addEventListener('change', () => void verify())
  root.append(
    element('h1', words.title),
    element('p', words.how),
    labelled(words.file, file),
    labelled(words.trust, trust),
    labelled(words.least, least),
    button,
    result,
  )
}

function toldOf(check: ProofCheck): readonly HTMLElement[] {
  const steps = document.createElement('ul')
  for (const { step, good, text } of check.findings) {
    steps.append(element('li', `${good ? '✓' : '✗'} ${proof.step[step]} ${text}`))
  }
  const verdict = element('p', verdictOf(check))
  verdict.className = 'verdict'
  verdict.setAttribute('role', 'status')
  const { entry, event, witnesses } = check
  const seen = witnesses.map(({ name, state, seconds }) => {
    const when = seconds === undefined ? '–' : new Date(seconds * 1000).toISOString()
    return `${name}: ${state}, ${when}`
  })
  return [
    verdict,
    steps,
    ...(seen.length === 0 ? [] : [element('h2', words.witnesses), element('pre', seen.join('\n'))]),
    ...(entry === undefined
      ? []
      : [element('h2', words.entry), element('pre', JSON.stringify(shown(entry), undefined, 2))]),
    ...(event === undefined
      ? []
      : [element('h2', words.event), element('pre', JSON.stringify(event, undefined, 2))]),
  ]
}

/** An entry with its time as people read it. */
const shown = ({ kind, at, actor, facts }: NonNullable<ProofCheck['entry']>) => ({
  ...{ kind, at: new Date(at).toISOString(), actor, facts },
})

function element(name: 'h1' | 'h2' | 'p' | 'li' | 'pre', text: string): HTMLElement {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

const field = <Name extends 'input' | 'textarea' | 'button'>(
  name: Name,
  about: Partial<HTMLElementTagNameMap[Name]>,
): HTMLElementTagNameMap[Name] => Object.assign(document.createElement(name), about)

function labelled(text: string, control: HTMLElement): HTMLElement {
  const label = document.createElement('label')
  label.append(text, control)
  return label
}

const root = document.getElementById('root')
if (root !== null) page(root)
