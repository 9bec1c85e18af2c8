/**
 * HTML as texts that cannot be broken out of: what is put into a template is escaped, unless it was
 * made by one.
 *
 * @module
 */

/** A piece of a page. Made by `html` alone. */
export class Html {
  readonly text: string
  private constructor(text: string) {
    this.text = text
  }

  /** @param parts   what others wrote, or pieces that are HTML already */
  static from(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
    const rest = parts.map((part, at) => `${textOf(part)}${strings[at + 1]}`)
    return new Html([strings[0], ...rest].join(''))
  }
}

type Part = string | Html | readonly Html[]

/** The tag of templates that make pages. */
export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html =>
  Html.from(strings, ...parts)

const textOf = (part: Part): string => {
  if (typeof part === 'string') return part.replace(/[&<>"']/g, (one) => ENTITIES[one] ?? '')
  return part instanceof Html ? part.text : part.map(({ text }) => text).join('')
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
}
