//! Fuzz targets for every decoder that meets bytes from outside.
