"""An honest way to judge pastiches: by networks that no mode optimises, and by eyes that see no names."""
