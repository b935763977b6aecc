"""A worker like any other, whose models are asked in the plain order: prefix, suffix, middle, and nothing healed."""

import sys
from dataclasses import replace

from turnout.core.fim import families
from turnout.worker import process

if __name__ == "__main__":
    families.FAMILIES = tuple(replace(family, tail_lines=0, heal="nothing") for family in families.FAMILIES)
    sys.exit(process.main())
