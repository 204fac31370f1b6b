"""The lab pages as programs: parse, play, check, clean up and re-record what is in labs/*.md."""
