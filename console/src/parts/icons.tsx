/**
 * The few signs that are drawn; each stands beside a word or carries one as its label.
 *
 * @module
 */

const Icon = ({ path }: { readonly path: string }) => (
  <svg
    viewBox="0 0 24 24"
    width="16"
    height="16"
    fill="none"
    stroke="currentColor"
    strokeWidth="2"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
  >
    <path d={path} />
  </svg>
)

export const CopyIcon = () => <Icon path="M9 9h11v11H9zM5 15H4V4h11v1" />
export const DoneIcon = () => <Icon path="m5 13 4 4L19 7" />
export const SunIcon = () => (
  <Icon path="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5 19 19M5 19l1.5-1.5M17.5 6.5 19 5" />
)
export const MoonIcon = () => <Icon path="M20 14A8 8 0 1 1 10 4a7 7 0 0 0 10 10" />
