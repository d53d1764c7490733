"""The contract between stations and hub, whatever carries it. README.md beside this file is its text."""
